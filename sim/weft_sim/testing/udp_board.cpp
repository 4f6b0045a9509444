// Steps the complete design behind an RGMII transceiver: frames become bytes at both edges of its clock, at
// gigabit, or halves of bytes, below; what the design sends becomes frames again.

#include <cstdint>
#include <deque>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

// What the linker wants of a program that never asks for simulated time.
double sc_time_stamp() { return 0; }

namespace {

constexpr uint8_t PREAMBLE = 0x55, START = 0xD5;
constexpr int PREAMBLE_BYTES = 7, GAP_BYTES = 12;
// What can be wrong with a frame of the design; the codes are negative lengths.
enum Fault { NOTHING = 0, BAD_PREAMBLE = -1, BAD_GAP = -2, HALF_BYTE = -3, BAD_EDGES = -4 };

struct Frame {
    std::vector<uint8_t> bytes;
    double begin = 0;      // nanoseconds: of the preamble
    int fault = NOTHING;
};

// What the transceiver brings in one byte's time.
struct Step {
    uint8_t byte;
    bool valid, error;
};

struct Board {
    VerilatedContext context;
    Vtop top{&context};
    double now = 0, next_core = 0, next_ethernet = 0;  // nanoseconds
    double core_ns = 10, ethernet_ns = 8;
    bool slow = false, half = false, carrier = true;
    uint64_t cycles = 0;
    std::deque<Step> steps;
    std::deque<Frame> received;
    // The frame that the design sends.
    Frame frame;
    bool sends = false;
    int quiet = GAP_BYTES, halves = 0;  // byte times since the last frame; halves of the byte at hand
    uint8_t low = 0;

    double byte_ns() const { return slow ? 2 * ethernet_ns : ethernet_ns; }

    void take(uint8_t byte) { frame.bytes.push_back(byte); }

    void finish() {
        sends = false;
        quiet = 0;
        if (halves) frame.fault = HALF_BYTE;
        size_t start = 0;
        while (start < frame.bytes.size() && frame.bytes[start] == PREAMBLE) ++start;
        if (start != PREAMBLE_BYTES || start >= frame.bytes.size() || frame.bytes[start] != START)
            frame.fault = BAD_PREAMBLE;
        else
            frame.bytes.erase(frame.bytes.begin(), frame.bytes.begin() + start + 1);
        received.push_back(frame);
        frame = Frame();
        halves = 0;
    }

    void sample() {
        const uint8_t control = top.tx_control, data = top.tx_data;
        if (control == 0) {
            if (sends) finish();
            if (!slow || (half = !half)) ++quiet;
            return;
        }
        if (!sends) {
            sends = true;
            frame.begin = now;
            if (quiet < GAP_BYTES) frame.fault = BAD_GAP;
        }
        if (control != 3 || (slow && (data & 0xF) != data >> 4)) frame.fault = BAD_EDGES;
        if (!slow) return take(data);
        if (halves++) take(low | (data & 0xF) << 4), halves = 0;
        low = data & 0xF;
    }

    bool rx_half = false;
    void drive() {
        if (steps.empty()) {
            top.rx_control = 0;
            top.rx_data = 0;
            return;
        }
        const Step step = steps.front();
        if (!slow || rx_half) steps.pop_front();
        const uint8_t nibble = rx_half ? step.byte >> 4 : step.byte & 0xF;
        top.rx_data = slow ? nibble * 0x11 : step.byte;
        top.rx_control = step.valid | (step.valid ^ step.error) << 1;
        rx_half = slow && !rx_half;
    }

    void edge() {
        if (next_core <= next_ethernet || !carrier) {
            now = next_core;
            next_core += core_ns;
            if (!carrier && next_ethernet < now) next_ethernet = now;
            top.clk = 1;
            top.eval();
            top.clk = 0;
            top.eval();
            ++cycles;
            return;
        }
        now = next_ethernet;
        next_ethernet += ethernet_ns;
        drive();
        top.eval();
        top.ethernet_clk = 1;
        top.eval();
        top.ethernet_clk = 0;
        top.eval();
        sample();
    }
};

}  // namespace

#include "timed_board.h"

extern "C" {

// Clocks of core and transceiver, and whether a cycle of the latter carries half a byte.
void board_clocks(Board* board, double core_hz, double ethernet_hz, int slow) {
    board->core_ns = 1e9 / core_hz;
    board->ethernet_ns = 1e9 / ethernet_hz;
    board->slow = slow;
}

// Without a carrier the transceiver's clock stands still.
void board_carrier(Board* board, int on) { board->carrier = on; }

// Queues a frame behind those that are on their way, with a preamble and a gap. `error_at`: byte at which the
// transceiver tells of an error, or -1.
void board_send(Board* board, const uint8_t* bytes, int count, int preamble, int error_at) {
    for (int at = 0; at < preamble; ++at) board->steps.push_back({PREAMBLE, true, false});
    board->steps.push_back({START, true, false});
    for (int at = 0; at < count; ++at) board->steps.push_back({bytes[at], true, at == error_at});
    for (int at = 0; at < GAP_BYTES; ++at) board->steps.push_back({0, false, false});
}

// Bytes' times until all that was queued has come.
int board_owed(const Board* board) { return int(board->steps.size()); }

// Advances for so many nanoseconds, or until the design has sent a frame.
void board_run(Board* board, double ns) {
    const double end = board->now + ns;
    while (board->received.empty() && (board->next_core < end || board->next_ethernet < end)) board->edge();
    if (board->received.empty()) board->now = end;
}

// Takes a frame of the design, from its first address to its check sequence. Returns its length, 0 for
// none, or what is wrong with it; `*begin` becomes the nanoseconds when it began.
int board_receive(Board* board, uint8_t* out, int limit, double* begin) {
    if (board->received.empty()) return NOTHING;
    const Frame frame = board->received.front();
    board->received.pop_front();
    *begin = frame.begin;
    if (frame.fault) return frame.fault;
    const int count = int(frame.bytes.size());
    for (int at = 0; at < count && at < limit; ++at) out[at] = frame.bytes[at];
    return count;
}

}  // extern "C"
