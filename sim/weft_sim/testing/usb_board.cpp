// Steps the complete design through D+ and D-: a host's packets become levels on the two lines, at
// the host's own rate, and the levels that the device drives become packets again.

#include <cstdint>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

// What the linker wants of a program that never asks for simulated time.
double sc_time_stamp() { return 0; }

namespace {

enum Level : uint8_t { SE0 = 0, J = 1, K = 2, IDLE = 3 };  // IDLE: the host drives nothing
constexpr int SAMPLES = 4;                                 // of a bit, by the device's clock
// What can be wrong with a packet of the device; the codes are negative lengths.
enum Fault { NOTHING = 0, BAD_SYNC = -1, BAD_STUFFING = -2, BAD_END = -3, PARTIAL_BYTE = -4, TOO_LONG = -5 };

struct Board {
    VerilatedContext context;
    Vtop top{&context};
    double now = 0, next_core = 0, next_usb = 0;  // nanoseconds
    double core_ns = 10, usb_ns = 1e3 / 48, bit_ns = 1e3 / 12;
    uint64_t cycles = 0;
    Level host = IDLE;
    std::vector<uint8_t> heard;  // levels while the device drives, one a cycle of its clock
    bool driving = false;

    void edge() {
        if (next_core <= next_usb) {
            now = next_core;
            next_core += core_ns;
            top.clk = 1;
            top.eval();
            top.clk = 0;
            top.eval();
            ++cycles;
            return;
        }
        now = next_usb;
        next_usb += usb_ns;
        const bool undriven = host == IDLE;
        top.d_p_i = driving ? top.d_p_o : undriven ? top.pullup : host == J;
        top.d_n_i = driving ? top.d_n_o : undriven ? 0 : host == K;
        top.usb_clk = 1;
        top.eval();
        top.usb_clk = 0;
        top.eval();
        driving = top.drive;
        if (driving) heard.push_back(top.d_p_o ? (top.d_n_o ? 4 : J) : (top.d_n_o ? K : SE0));
    }

    void until(double time) {
        while (next_core < time || next_usb < time) edge();
        now = time;
    }
};

// The packet in the levels that were heard; its bytes without the sync pattern.
int decode(const std::vector<uint8_t>& heard, uint8_t* out, int limit) {
    std::vector<uint8_t> levels;
    for (size_t at = SAMPLES / 2; at < heard.size(); at += SAMPLES) levels.push_back(heard[at]);
    const Level sync[] = {K, J, K, J, K, J, K, K};
    size_t at = 0;
    for (Level level : sync)
        if (at >= levels.size() || levels[at++] != level) return BAD_SYNC;
    int ones = 1, byte = 0, bits = 0, length = 0;
    uint8_t before = K;
    for (; at < levels.size() && levels[at] != SE0; ++at) {
        if (levels[at] > K) return BAD_END;
        const bool one = levels[at] == before;
        before = levels[at];
        if (ones == 6) {
            if (one) return BAD_STUFFING;
            ones = 0;
            continue;
        }
        ones = one ? ones + 1 : 0;
        byte = byte >> 1 | one << 7;
        if (++bits == 8) {
            if (length == limit) return TOO_LONG;
            out[length++] = byte;
            bits = 0;
        }
    }
    if (bits) return PARTIAL_BYTE;
    if (ones == 6) return BAD_STUFFING;
    if (levels.size() - at != 3 || levels[at + 1] != SE0 || levels[at + 2] != J) return BAD_END;
    return length;
}

}  // namespace

extern "C" {

Board* board_open() { return new Board; }
void board_close(Board* board) { delete board; }
uint64_t board_cycles(const Board* board) { return board->cycles; }
double board_now(const Board* board) { return board->now; }
int board_attached(const Board* board) { return board->top.pullup; }
int board_suspended(const Board* board) { return board->top.suspended; }
int board_error(const Board* board) { return board->top.error; }
int board_idle(const Board* board) { return board->top.idle; }

// Clocks of core and device, and the host's bits a second.
void board_clocks(Board* board, double core_hz, double usb_hz, double bit_hz) {
    board->core_ns = 1e9 / core_hz;
    board->usb_ns = 1e9 / usb_hz;
    board->bit_ns = 1e9 / bit_hz;
}

// Drives one level for so many nanoseconds.
void board_drive(Board* board, int level, double ns) {
    board->host = Level(level);
    board->until(board->now + ns);
    board->host = IDLE;
}

// Sends a packet, and its end; `stuffed`: what comes behind six ones: 0 nothing, 1 the zero that belongs
// there, 2 a one; `sync`: bits of the pattern before it, 8 but where hubs swallowed some.
void board_send(Board* board, const uint8_t* bytes, int count, int stuffed, int sync) {
    std::vector<Level> levels;
    Level level = J;
    int ones = 0;
    auto put = [&](bool one) {
        if (!one) level = level == J ? K : J;
        levels.push_back(level);
        ones = one ? ones + 1 : 0;
        if (ones == 6 && stuffed) {
            if (stuffed == 1) level = level == J ? K : J;
            levels.push_back(level);
            ones = 0;
        }
    };
    for (int n = 8 - sync; n < 8; ++n) put(n == 7);
    for (int at = 0; at < count; ++at)
        for (int bit = 0; bit < 8; ++bit) put(bytes[at] >> bit & 1);
    levels.insert(levels.end(), {SE0, SE0, J});
    board->heard.clear();
    double time = board->now;
    for (Level next : levels) {
        board->host = next;
        board->until(time += board->bit_ns);
    }
    board->host = IDLE;
}

// Waits at most `timeout` bits for a packet to begin and takes it. Returns its length, 0 for none,
// or what is wrong with it; `*gap` becomes the bits of silence before it.
int board_receive(Board* board, uint8_t* out, int limit, double timeout, double* gap) {
    const double start = board->now;
    const double end = start + timeout * board->bit_ns;
    while (!board->driving && board->now < end) board->edge();
    if (!board->driving) return NOTHING;
    *gap = (board->now - start) / board->bit_ns;
    while (board->driving) board->edge();
    const int length = decode(board->heard, out, limit);
    board->heard.clear();
    return length;
}

}  // extern "C"
