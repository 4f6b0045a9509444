#!/usr/bin/env bash
# tflite 2.18.0 (the parser package): OperatorCode.BuiltinCode(). The schema says that readers take
# the greater of the old 8-bit field and the new one. One would expect the accessor of the new field
# to return that field. Where it holds less than 127 the accessor returns the old field. Writers that
# leave the old one empty then have all their operators read as number 0, ADD.
# Output seen: field 18 (MUL), accessor 0 (ADD).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  tflite==2.18.0 flatbuffers==25.12.19
"$folder/venv/bin/python" - <<'PY'
import flatbuffers, tflite
builder = flatbuffers.Builder(64)
builder.StartObject(4)  # OperatorCode: the new field is number 3, the old one stays absent
builder.PrependInt32Slot(3, 18, 0)
builder.Finish(builder.EndObject())
code = tflite.OperatorCode.GetRootAs(builder.Output(), 0)
offset = code._tab.Offset(10)
field = code._tab.Get(flatbuffers.number_types.Int32Flags, offset + code._tab.Pos)
print(f"field {field} ({'MUL' if field == tflite.BuiltinOperator.MUL else '?'}), "
      f"accessor {code.BuiltinCode()} ({'ADD' if code.BuiltinCode() == 0 else '?'})")
assert field == 18 and code.BuiltinCode() == 0, "the accessor changed"
PY
