"""Scripts written for ONNX Runtime give the same results with only the import changed."""

import warnings

import pytest
from networks.onnx_files import script_names
from networks.scripts import assert_equal, run_script

pytest.importorskip("onnxruntime")

SCRIPTS = {
    "as the README of the runtime": """
        session = rt.InferenceSession(digits)
        name = session.get_inputs()[0].name
        result = session.run(None, {name: images[:1]})
    """,
    "everything by keyword": """
        options = rt.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = rt.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = rt.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = rt.InferenceSession(
            path_or_bytes=digits, sess_options=options, providers=["CPUExecutionProvider"],
            provider_options=[{}],
        )
        result = session.run(
            output_names=["scores"], input_feed={"image": images[1:2]}, run_options=rt.RunOptions()
        )
        same = session.get_session_options().intra_op_num_threads
        result += [same, options.get_session_config_entry("session.intra_op.allow_spinning")]
    """,
    "everything by place": """
        session = rt.InferenceSession(digits, None, ["CPUExecutionProvider"], None)
        result = session.run([], {"image": images[2:3]}, None)
        result += [session.get_providers(), session.get_provider_options()]
    """,
    "bytes and a pair as provider": """
        with open(digits, "rb") as file:
            session = rt.InferenceSession(file.read(), providers=[("CPUExecutionProvider", {})])
        result = [session.run(("scores",), {"image": image[None]})[0] for image in images[:5]]
    """,
    "lists": """
        session = rt.InferenceSession(digits)
        result = session.run(None, {"image": images[:1].tolist()})
        result += session.run(None, {"image": [images[3]]})
        result += session.run(["scores", "scores"], {"image": (images[:1] > 0.5).tolist()})
    """,
    "numbers of a list are cut to integers as NumPy does": """
        session = rt.InferenceSession(unread_model)
        result = session.run(["c.q"], {"x": picture.tolist(), "unread": [1.9, -2]})
    """,
    "what inputs and outputs are": """
        def info(args):
            return [(arg.name, arg.type, arg.shape) for arg in args]
        result = []
        for path in digits, open_model, closed_model, unread_model:
            session = rt.InferenceSession(path)
            result += [info(session.get_inputs()), info(session.get_outputs())]
            result.append(info(session.get_overridable_initializers()))
    """,
    "metadata": """
        meta = rt.InferenceSession(open_model).get_modelmeta()
        result = [meta.producer_name, meta.graph_name, meta.domain, meta.description, meta.version]
        result += [meta.graph_description, dict(meta.custom_metadata_map)]
        result.append(rt.InferenceSession(digits).get_modelmeta().version)
    """,
    "sizes that change from call to call": """
        session = rt.InferenceSession(open_model, providers=rt.get_available_providers()[-1:])
        result = []
        for feed in picture, pictures, picture, pictures[:, :, :3, :5], pictures[:2]:
            result += session.run(None, {"x": feed})
        result.append([arg.shape for arg in session.get_inputs()])
    """,
    "sizes by name": """
        options = rt.SessionOptions()
        options.add_free_dimension_override_by_name("H", 6)
        options.add_free_dimension_override_by_name("W", 5)
        session = rt.InferenceSession(open_model, sess_options=options)
        result = [[arg.shape for arg in session.get_inputs()]]
        result += session.run(None, {"x": picture})
    """,
    "all sizes by name": """
        result = []
        for model in open_model, batch_model:
            options = rt.SessionOptions()
            for name, size in ("N", 3), ("H", 6), ("W", 5):
                options.add_free_dimension_override_by_name(name, size)
            session = rt.InferenceSession(model, options)
            result += [arg.shape for arg in session.get_inputs() + session.get_outputs()]
            result += session.run(None, {"x": np.concatenate([picture, picture * 2, -picture])})
    """,
    "an input that no layer reads": """
        session = rt.InferenceSession(unread_model)
        result = session.run(None, {"x": picture, "unread": np.zeros(2, np.int64)})
    """,
    "values": """
        session = rt.InferenceSession(open_model)
        value = rt.OrtValue.ortvalue_from_numpy(picture)
        result = [value.shape(), value.data_type(), value.element_type(), value.device_name()]
        result += [value.is_tensor(), value.has_value(), value.numpy()]
        result += [v.numpy() for v in session.run_with_ort_values(None, {"x": value})]
        result += session.run(None, {"x": value})
        value.update_inplace(picture[:, :, ::-1].copy())
        result += session.run(["c.q"], {"x": value})
        empty = rt.OrtValue.ortvalue_from_shape_and_type([2, 3], np.int8)
        result += [empty.shape(), empty.data_type()]
    """,
    "binding": """
        session = rt.InferenceSession(closed_model)
        binding = session.io_binding()
        binding.bind_cpu_input("x", picture)
        binding.bind_output("c.q")
        session.run_with_iobinding(binding)
        result = binding.copy_outputs_to_cpu()
        binding.clear_binding_outputs()
        place = rt.OrtValue.ortvalue_from_shape_and_type([1, 4, 6, 5], np.float32)
        binding.bind_ortvalue_output(session.get_outputs()[0].name, place)
        binding.bind_ortvalue_input("x", rt.OrtValue.ortvalue_from_numpy(picture * 2))
        session.run_with_iobinding(binding, rt.RunOptions())
        result += [place.numpy(), binding.get_outputs()[0].numpy()]
    """,
    "binding of addresses": """
        session = rt.InferenceSession(closed_model)
        binding, target = session.io_binding(), np.zeros((1, 4, 6, 5), np.uint8)
        binding.bind_input("x", "cpu", 0, np.float32, picture.shape, picture.ctypes.data)
        binding.bind_output("c.q", "cpu", 0, np.uint8, target.shape, target.ctypes.data)
        session.run_with_iobinding(binding)
        result = [target]
    """,
    "in another thread": """
        import threading
        session, done, result = rt.InferenceSession(digits), threading.Event(), []
        def callback(outputs, user_data, error):
            result.extend([outputs, user_data, error])
            done.set()
        session.run_async(["scores"], {"image": images[:1]}, callback, "mine")
        assert done.wait(60)
    """,
    "profiling that nobody asked for": """
        session = rt.InferenceSession(digits)
        session.run(None, {"image": images[:1]})
        session.disable_fallback()
        session.set_providers(["CPUExecutionProvider"])
        result = [session.end_profiling(), *session.run(None, {"image": images[:1]})]
        result.append(rt.get_device())
        rt.set_default_logger_severity(3)
    """,
    "options have these values unless changed": """
        options, run = rt.SessionOptions(), rt.RunOptions()
        result = [
            options.enable_mem_pattern, options.enable_mem_reuse, options.enable_cpu_mem_arena,
            options.enable_profiling, options.inter_op_num_threads, options.intra_op_num_threads,
            options.log_severity_level, options.log_verbosity_level, options.logid,
            options.optimized_model_filepath, options.use_deterministic_compute,
            options.use_per_session_threads, options.has_providers(),
            options.execution_mode.name, options.execution_order.name,
            options.graph_optimization_level.name,
            run.log_severity_level, run.log_verbosity_level, run.logid, run.terminate,
            run.only_execute_path_to_fetches,
        ]
    """,
    "errors that a script is ready for": """
        state, result = rt.capi.onnxruntime_pybind11_state, []
        session = rt.InferenceSession(digits, disabled_optimizers=["ConstantFolding"])
        image, wanted = images[:1], state.InvalidArgument
        for error, call in [
            (state.NoSuchFile, lambda: rt.InferenceSession("nothing.onnx")),
            (state.InvalidProtobuf, lambda: rt.InferenceSession(b"no model" * 50)),
            (ValueError, lambda: session.run(None, {})),
            (wanted, lambda: session.run(None, {"image": image, "more": image})),
            (wanted, lambda: session.run(["more"], {"image": image})),
            (wanted, lambda: session.run(None, {"image": image.astype(np.float64)})),
            (wanted, lambda: session.run(None, {"image": image[0]})),
            (wanted, lambda: session.run(None, {"image": image[:, :, :4]})),
            (state.Fail, lambda: session.run(None, {"image": image}, stop)),
        ]:
            stop = rt.RunOptions()
            stop.terminate = True
            try:
                call()
            except error:
                result.append("caught")
    """,
    "what has no meaning here": """
        rt.set_seed(1)
        rt.disable_telemetry_events()
        rt.enable_telemetry_events()
        rt.set_default_logger_verbosity(0)
        assert set(rt.get_available_providers()) <= set(rt.get_all_providers())
        assert rt.get_version_string() == rt.__version__
        assert isinstance(rt.InferenceSession(digits).get_inputs()[0], rt.NodeArg)
        result = [rt.has_collective_ops(), isinstance(rt.get_build_info(), str)]
    """,
    "options that a version may not have": """
        options, result = rt.SessionOptions(), []
        for error, call in [
            (AttributeError, lambda: setattr(options, "enable_nothing", True)),
            (TypeError, lambda: setattr(options, "intra_op_num_threads", "2")),
            (TypeError, lambda: options.add_session_config_entry("a", 1)),
            (TypeError, lambda: options.add_free_dimension_override_by_name("N", "3")),
            (RuntimeError, lambda: options.get_session_config_entry("a")),
        ]:
            try:
                call()
            except error:
                result.append("caught")
    """,
    "values that mean nothing": """
        options, result = rt.SessionOptions(), []
        value = rt.OrtValue
        for error, call in [
            (TypeError, lambda: rt.InferenceSession("")),
            (TypeError, lambda: setattr(options, "intra_op_num_threads", 1 << 40)),
            (RuntimeError, lambda: options.add_session_config_entry("", "a")),
            (RuntimeError, lambda: options.add_session_config_entry("a" * 1025, "a")),
            (RuntimeError, lambda: value.ortvalue_from_numpy(np.array("text"))),
            (RuntimeError, lambda: value.ortvalue_from_numpy(np.ones(3, np.complex64))),
            (RuntimeError, lambda: value.ortvalue_from_shape_and_type([2, -1], np.float32)),
            (TypeError, lambda: rt.set_default_logger_severity("x")),
            (RuntimeError, lambda: rt.set_default_logger_severity(9)),
            (TypeError, lambda: rt.set_default_logger_verbosity("x")),
            (TypeError, lambda: rt.set_seed("x")),
        ]:
            try:
                call()
            except error:
                result.append("caught")
        result.append(rt.InferenceSession(digits).get_tuning_results())
    """,
    "texts for a log": """
        result = [str(rt.InferenceSession(open_model).get_inputs()[0])]
        result += [str(rt.ExecutionMode.ORT_PARALLEL), f"{rt.GraphOptimizationLevel(99)}"]
    """,
    "tensors of other packages": """
        value = rt.OrtValue.from_dlpack(picture)
        result = [value.shape(), value.data_type(), np.from_dlpack(value)]
        try:
            rt.OrtValue.from_dlpack("text")
        except TypeError:
            result.append("caught")
    """,
    "a class around the session": """
        class Classifier:
            def __init__(self, path):
                self.session = rt.InferenceSession(path, providers=["CPUExecutionProvider"])
                self.inputs = {arg.name: arg for arg in self.session.get_inputs()}
                self.outputs = [arg.name for arg in self.session.get_outputs()]
            def __call__(self, *arrays):
                feed = dict(zip(self.inputs, arrays))
                return dict(zip(self.outputs, self.session.run(self.outputs, feed)))
        run = Classifier(digits)
        result = [run(image[None])["scores"].argmax() for image in images[:20]]
        assert isinstance(run.session, rt.InferenceSession)
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gives_the_same(name, tmp_path):
    names = script_names(tmp_path)
    expected = run_script(SCRIPTS[name], names, "onnxruntime")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_equal(run_script(SCRIPTS[name], names, "weft"), expected)
