// Steps the complete design through its serial port's pins: bytes become bits on a line that may
// run at another rate, be disturbed, or broken, and bits become bytes again.

#include <cstdint>

#include "clocked_board.h"

namespace {

constexpr int BITS = 10;  // start, 8 data, stop
// In which a core whose engine is idle has answered, or never will: its buffer, a byte a cycle.
constexpr int SETTLE_CYCLES = 10000;

// xorshift64 (Marsaglia, 2003): the same disturbances for the same seed, on every machine.
struct Random {
    uint64_t state = 1;

    double next() {  // from 0 to 1
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (state >> 11) * 0x1p-53;
    }
};

// What happens to the levels of one line: glitches (a fraction of a bit inverted), bursts (some bits
// inverted) and breaks (low for longer than any byte).
struct Noise {
    Random random;
    double interval = 0;  // cycles between disturbances on average; 0 for none
    double bit = 1;
    bool only_glitches = false;
    double start = 0, end = 0;
    bool is_break = false;
    uint64_t count = 0;

    void plan(double now) {
        start = now + 2 * interval * random.next();
        const double kind = only_glitches ? 0 : random.next();
        is_break = kind > 0.8;
        const double bits = kind < 0.4   ? 0.02 + 0.1 * random.next()
                            : kind < 0.8 ? 0.3 + 4 * random.next()
                                         : 11 + 40 * random.next();
        end = start + (bits * bit < 1 ? 1 : bits * bit);
    }

    bool apply(bool level, uint64_t now) {
        if (interval == 0 || now < start) return level;
        if (now >= end) {
            ++count;
            plan(now);
            return level;
        }
        return !is_break && !level;
    }
};

struct Sender {
    double bit = 1, next = 0;
    int left = 0, frame = 0;

    bool idle() const { return left == 0; }

    void start(uint8_t byte, uint64_t now) {
        frame = byte << 1 | 1 << (BITS - 1);
        left = BITS;
        if (next < now) next = now;
        next += bit;
    }

    bool level(uint64_t now) {
        const bool value = left == 0 || (frame & 1);
        if (left != 0 && now + 1 >= next) {
            frame >>= 1;
            if (--left != 0) next += bit;
        }
        return value;
    }
};

// An ordinary receiver: the majority of three samples about the middle of each bit. A byte without a stop bit is passed on
// like any other, as serial ports without parity check do.
struct Receiver {
    double bit = 1, due = 0;
    int index = -1;  // of the next sample; -1 while the line is idle
    int byte = 0;
    bool stuck = false;  // low since a byte without a stop bit
    int recent = 7;      // the last three levels

    bool idle() const { return index < 0; }

    // Returns whether `byte` is complete.
    bool take(bool now_level, uint64_t now) {
        recent = (recent << 1 | now_level) & 7;
        const bool level = recent == 3 || recent > 4;
        if (index < 0) {
            stuck = stuck && !level;
            if (!now_level && !stuck) {
                index = 0;
                due = now + bit / 2 + 1;
            }
            return false;
        }
        if (now < due) return false;
        due += bit;
        if (index == 0) {
            index = level ? -1 : 1;
            return false;
        }
        if (index < BITS - 1) {
            byte = byte >> 1 | level << 7;
            ++index;
            return false;
        }
        index = -1;
        stuck = !level;
        return true;
    }
};

// Whatever a netlist does not set at power-up starts as garbage, the same in each run.
struct Context : VerilatedContext {
    Context() {
        randReset(2);
        randSeed(1);
    }
};

struct Board : ClockedBoard<Context> {
    Sender sender;
    Receiver receiver;
    Noise to_board, from_board;
    int quiet = 0;

    void silence() { top.rx = 1; }
};

}  // namespace

#include "board_calls.h"

extern "C" {

Board* board_open() {
    Board* board = new Board;
    board->top.rx = 1;
    board->settle();
    return board;
}

int board_error(const Board* board) { return board->top.error; }

// Bit times of the host in cycles, to the board and from it.
void board_rates(Board* board, double to_board, double from_board) {
    board->sender.bit = board->to_board.bit = to_board;
    board->receiver.bit = board->from_board.bit = from_board;
}

// Disturb both lines every `interval` bits on average, 0 to stop.
void board_noise(Board* board, uint64_t seed, double interval, int only_glitches) {
    for (Noise* noise : {&board->to_board, &board->from_board}) {
        noise->random.state = seed = 2 * seed + 1;
        noise->interval = interval * noise->bit;
        noise->only_glitches = only_glitches;
        for (int skipped = 0; skipped < 20; ++skipped) noise->random.next();
        noise->plan(board->cycles);
    }
}

// Whether the pads' registers are part of the design.
void board_has_pads(Board* board) { board->sdram.has_registers = false; }

uint64_t board_disturbances(const Board* board) {
    return board->to_board.count + board->from_board.count;
}

// Sends `in`, takes into `out`, until an answer has come and paused, or all is sent and nothing goes
// on, or `out` is full, or `budget` cycles have passed. Returns the bytes in `out`.
int64_t board_exchange(Board* board, const uint8_t* in, int64_t in_count, int64_t* taken,
                       uint8_t* out, int64_t out_count, uint64_t budget) {
    Vtop& top = board->top;
    Sender& sender = board->sender;
    Receiver& receiver = board->receiver;
    const uint64_t end = board->cycles + budget;
    const int pause = 2 * receiver.bit;
    int64_t sent = 0, got = 0;
    while (board->cycles < end && got < out_count) {
        const uint64_t now = board->cycles;
        if (sender.idle() && sent < in_count) sender.start(in[sent++], now);
        top.rx = board->to_board.apply(sender.level(now), now);
        board->settle();
        if (receiver.take(board->from_board.apply(top.tx, now), now)) out[got++] = receiver.byte;
        const bool waits = sender.idle() && sent == in_count && top.idle;
        board->quiet = receiver.idle() && (waits || got > 0) ? board->quiet + 1 : 0;
        board->step();
        if (got > 0 ? board->quiet > pause : board->quiet > SETTLE_CYCLES + 12 * receiver.bit) break;
    }
    board->quiet = 0;
    *taken = sent;
    return got;
}

}  // extern "C"
