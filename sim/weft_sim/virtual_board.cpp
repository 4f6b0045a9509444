// Steps the core in batches: bytes in, bytes out, no callback per cycle.

#include <cstdint>
#include <type_traits>
#include <utility>

#include "clocked_board.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#elif VM_TRACE
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif

namespace {

// Cycles for a byte to become visible in `active`, and for a frame to follow the one before.
constexpr int QUIET_CYCLES = 32;

template <class Top, class = void>
struct HasLoad : std::false_type {};
template <class Top>
struct HasLoad<Top, std::void_t<decltype(std::declval<Top>().load___05Fvalid)>> : std::true_type {};

// Verilator has numbers for ports of up to 64 bits, and arrays of 32-bit words for wider ones.
template <class Port>
void put(Port& port, const uint8_t* data, int bytes) {
    if constexpr (std::is_integral<Port>::value) {
        uint64_t value = 0;
        for (int i = 0; i < bytes; ++i) value |= uint64_t(data[i]) << 8 * i;
        port = Port(value);
    } else {
        for (size_t word = 0; word < sizeof(port) / 4; ++word) port[word] = 0;
        for (int i = 0; i < bytes; ++i) port[i / 4] |= uint32_t(data[i]) << 8 * (i % 4);
    }
}

// Writes units past the link, each as soon as the engine takes it and `gap` cycles have passed.
template <class Board, class Top>
void load(Board& board, Top& top, int region, uint32_t address, const uint8_t* data, int64_t units,
          int unit_bytes, int gap) {
    if constexpr (HasLoad<Top>::value) {
        top.load___05Fregion = region;
        for (int64_t unit = 0; unit < units; ++unit) {
            top.load___05Fvalid = 1;
            top.load___05Faddress = address + unit;
            put(top.load___05Fdata, data + unit * unit_bytes, unit_bytes);
            for (bool taken = false; !taken;) {
                board.settle();
                taken = top.load___05Fready;
                board.step();
            }
            top.load___05Fvalid = 0;
            for (int cycle = 0; cycle < gap; ++cycle) {
                board.settle();
                board.step();
            }
        }
        for (int cycle = 0; cycle < QUIET_CYCLES; ++cycle) {
            board.settle();
            board.step();
        }
        board.settle();
    }
}

struct Board : ClockedBoard<VerilatedContext> {
#if VM_TRACE
    Trace trace;
    bool traced = false;  // in this cycle
    uint64_t free_time = 0;  // no sample was written at it or later

    Board() { context.traceEverOn(true); }
    ~Board() { trace.close(); }
#endif

    void silence() { top.rx___05Fvalid = 0; }

    void settle() {
        ClockedBoard::settle();
        dump(2 * cycles);
    }

    void step() {
        ClockedBoard::step();
        dump(2 * cycles - 1);
    }

private:
    // A cycle takes two units of the file's time: its clock is low in the first.
    void dump([[maybe_unused]] uint64_t time) {
#if VM_TRACE
        if (!traced || time < free_time) return;
        trace.dump(time);
        free_time = time + 1;
#endif
    }
};

}  // namespace

#include "board_calls.h"

extern "C" {

Board* board_open() {
    Board* board = new Board;
    board->top.rx___05Fvalid = 0;
    board->top.tx___05Fready = 0;
    board->settle();
    return board;
}

#if VM_TRACE
// Writes what happens from now on to `path`, while it is switched on.
void board_trace_to(Board* board, const char* path) {
    board->top.trace(&board->trace, 99);
    board->trace.open(path);
}

void board_trace(Board* board, int on) { board->traced = on; }
#endif

// Writes units past the link, while nothing runs.
void board_load(Board* board, int region, uint32_t address, const uint8_t* data, int64_t units,
                int unit_bytes, int gap) {
    load(*board, board->top, region, address, data, units, unit_bytes, gap);
}

int board_busy(const Board* board) { return board->top.busy; }

int board_active(const Board* board) { return board->top.active; }

// Offers `in`, takes into `out`, until `in` was taken and an answer has come and paused, or nothing
// is going on, or `out` is full, or `budget` cycles have passed. Returns the bytes in `out`.
int64_t board_exchange(Board* board, const uint8_t* in, int64_t in_count, int64_t* taken,
                       uint8_t* out, int64_t out_count, uint64_t budget) {
    Vtop& top = board->top;
    const uint64_t end = board->cycles + budget;
    int64_t sent = 0, got = 0;
    int quiet = 0;
    top.tx___05Fready = 1;
    while (board->cycles < end && got < out_count && quiet < QUIET_CYCLES) {
        top.rx___05Fvalid = sent < in_count;
        if (sent < in_count) top.rx___05Fpayload = in[sent];
        board->settle();
        const bool has_input = sent < in_count;
        if (has_input && top.rx___05Fready) ++sent;
        const bool has_output = top.tx___05Fvalid;
        if (has_output) out[got++] = top.tx___05Fpayload;
        board->step();
        quiet = has_input || has_output || (got == 0 && top.active) ? 0 : quiet + 1;
    }
    top.rx___05Fvalid = 0;
    top.tx___05Fready = 0;
    board->settle();
    *taken = sent;
    return got;
}

}  // extern "C"
