// Steps the core in batches: bytes in, bytes out, no callback per cycle.

#include <cstdint>
#include <deque>
#include <type_traits>
#include <utility>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#elif VM_TRACE
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif

// What the linker wants of a program that never asks for simulated time.
double sc_time_stamp() { return 0; }

namespace {

// Cycles for a byte to become visible in `active`, and for a frame to follow the one before.
constexpr int QUIET_CYCLES = 32;

template <class Top, class = void>
struct HasMemory : std::false_type {};
template <class Top>
struct HasMemory<Top, std::void_t<decltype(std::declval<Top>().memory___05Fread___05Fready)>>
    : std::true_type {};

// Memory beside the chip, with words of 2 bytes, as a controller of an SDR SDRAM shows it: a word
// in every cycle, also from one burst to the next if that was asked for in time, but for refresh
// and for turning from one direction to the other.
class Memory {
    static constexpr int kCommands = 2;  // that wait while one is carried out
    static constexpr uint64_t kLatency = 9;  // from a command to its first word
    static constexpr uint64_t kTurn = 4;
    static constexpr uint64_t kRefreshEvery = 780, kRefresh = 12;
    struct Burst {
        bool write;
        uint64_t address;
        int left;
        uint64_t begin;
    };
    std::vector<uint16_t> words;
    int address_bits = 0;
    std::deque<Burst> bursts;
    uint64_t now = 0, next_refresh = kRefreshEvery, free_from = 0;

    bool offered = false;  // a word that was read stays offered until it is taken

public:
    void resize(int bits) {
        address_bits = bits;
        words.assign(uint64_t(1) << bits, 0xa55a);
    }

    template <class Top>
    void drive(Top& top) const {
        const bool on =
            offered || (!bursts.empty() && now >= bursts.front().begin && now >= free_from);
        top.memory___05Fcommand___05Fready = bursts.size() < 1 + kCommands;
        top.memory___05Fwrite___05Fready = on && bursts.front().write;
        top.memory___05Fread___05Fvalid = on && !bursts.front().write;
        if (on) top.memory___05Fread___05Fpayload = words[bursts.front().address];
    }

    template <class Top>
    void step(Top& top) {
        const bool writes = top.memory___05Fwrite___05Fready && top.memory___05Fwrite___05Fvalid;
        const bool reads = top.memory___05Fread___05Fready && top.memory___05Fread___05Fvalid;
        offered = top.memory___05Fread___05Fvalid && !reads;
        if (top.memory___05Fcommand___05Fready && top.memory___05Fcommand___05Fvalid) {
            const uint64_t command = top.memory___05Fcommand___05Fpayload;
            bursts.push_back({bool(command & 1), command >> 1 & (words.size() - 1),
                              int(command >> (1 + address_bits)), now + kLatency});
        }
        if (writes || reads) {
            Burst& burst = bursts.front();
            if (writes) words[burst.address] = top.memory___05Fwrite___05Fpayload;
            ++burst.address;
            if (--burst.left == 0) {
                const bool turns = bursts.size() > 1 && bursts[1].write != burst.write;
                if (turns) free_from = now + 1 + kTurn;
                bursts.pop_front();
            }
        }
        if (++now == next_refresh) {
            next_refresh += kRefreshEvery;
            free_from = now + kRefresh;
        }
    }
};

struct Board {
    VerilatedContext context;
    Vtop top{&context};
    uint64_t cycles = 0;
    Memory memory;
#if VM_TRACE
    Trace trace;
    bool traced = false;  // in this cycle
    uint64_t free_time = 0;  // no sample was written at it or later

    Board() { context.traceEverOn(true); }
    ~Board() { trace.close(); }
#endif

    // What `top` shows for the inputs that are set, before the edge that `step` makes.
    void settle() { settle(top); }

    void step() { step(top); }

private:
    template <class Top>
    void settle(Top& top) {
        if constexpr (HasMemory<Top>::value) memory.drive(top);
        top.clk = 0;
        top.eval();
        dump(2 * cycles);
    }

    template <class Top>
    void step(Top& top) {
        if constexpr (HasMemory<Top>::value) memory.step(top);
        top.clk = 1;
        top.eval();
        dump(2 * cycles + 1);
        ++cycles;
    }

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

void board_close(Board* board) { delete board; }

// Gives it a memory beside the chip, of words of 2 bytes.
void board_memory(Board* board, int address_bits) { board->memory.resize(address_bits); }

uint64_t board_cycles(const Board* board) { return board->cycles; }

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
