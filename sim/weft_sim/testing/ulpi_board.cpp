// Steps the complete design behind a ULPI transceiver (ULPI 1.1, 8 bits, clock from the transceiver):
// a host's packets become RX commands and bytes on the bus, what the design sends becomes packets.
// High speed has a byte a cycle, full speed a byte in 40; stuffed bits take their time in both.

#include <cstdint>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

// What the linker wants of a program that never asks for simulated time.
double sc_time_stamp() { return 0; }

namespace {

enum Level : uint8_t { SE0 = 0, J = 1, K = 2, IDLE = 3 };  // IDLE: the host drives nothing
enum Fault { NOTHING = 0, CONTENTION = -6, NO_PID = -7, LATE_STOP = -8, TOO_LONG = -5 };
constexpr uint8_t VBUS = 0x4C;          // of an RX command: VBUS is valid, the ID pin high
constexpr uint8_t ACTIVE = 0x10, ERROR = 0x30;
constexpr double RECEIVE_CYCLES = 5, SEND_CYCLES = 2;  // delays between line and ULPI (table 7-2)

// Bits that a packet's bytes take on the line, one zero stuffed behind six ones.
struct Stuffing {
    int ones = 0;
    int bits(uint8_t byte) {
        int count = 8;
        for (int bit = 0; bit < 8; ++bit) {
            ones = byte >> bit & 1 ? ones + 1 : 0;
            if (ones == 6) ++count, ones = 0;
        }
        return count;
    }
};

struct Event {
    double time;  // nanoseconds
    enum { START, BYTE, WRONG, END } kind;
    uint8_t byte;
};

struct Board {
    VerilatedContext context;
    Vtop top{&context};
    double now = 0, next_core = 0, next_usb = 0;  // nanoseconds
    double core_ns = 10, usb_ns = 1e3 / 60, bit_ns = 1e3 / 480;
    uint64_t cycles = 0;
    Level host = IDLE;
    bool host_talks = false;

    // The transceiver: registers, what it drives, and what it is doing.
    uint8_t function = 0x41, shown = 0xFF, address = 0;
    bool dir = false, nxt = false;
    uint8_t data = 0;
    enum { QUIET, COMMAND, ADDRESS, VALUE, STOP, SEND, LISTEN, TELL, REPORT } state = QUIET;
    std::vector<Event> events;
    size_t at = 0;
    // What the device sends.
    std::vector<uint8_t> sent;
    double sends_from = -1, line_free = 0, ended = -1;
    Stuffing stuffing;
    bool chirping = false;
    int fault = 0;

    bool is_high() const { return (function & 0x1F) == 0; }
    bool pulls_up() const { return (function & 0x07) == 5 && (function & 0x18) == 0; }
    double byte_ns(int bits) const { return is_high() ? bits * 1e3 / 480 : bits * 1e3 / 12; }

    uint8_t line() const {
        if (chirping) return K;
        if (is_high()) return host_talks || sends_from >= 0 ? J : SE0;
        if (host_talks) return K;
        if (host == IDLE) return pulls_up() ? J : SE0;
        return host;
    }

    void rx_command(uint8_t extra) {
        nxt = false;
        data = VBUS | line() | extra;
        shown = data & 0x03;
    }

    // One cycle: the design's levels before the edge in, the transceiver's levels after it.
    void tick(uint8_t link, bool stp) {
        const bool taken = nxt;
        if (top.phy_reset) {
            function = 0x41, state = QUIET, dir = nxt = chirping = false, shown = 0xFF, sends_from = -1;
            return;
        }
        if (state == SEND) {
            if (stp) {
                ended = line_free + byte_ns(is_high() ? 8 : 3);  // end of packet
                if (chirping) sends_from = -1;
                chirping = nxt = false, state = QUIET;
                return;
            }
            if (taken && !chirping) {
                sent.push_back(link);
                line_free += byte_ns(stuffing.bits(link));
            }
            nxt = chirping || line_free - now <= byte_ns(8) + usb_ns;
            return;
        }
        if (at < events.size() && events[at].time <= now && !dir) {
            dir = nxt = true;  // turnaround; whatever the link was about to say it says again
            state = LISTEN;
            ++at;
            return;
        }
        switch (state) {
            case LISTEN:
                if (at < events.size() && events[at].time <= now) {
                    const Event event = events[at++];
                    if (event.kind == Event::BYTE) {
                        data = event.byte, nxt = true;
                    } else if (event.kind == Event::WRONG) {
                        rx_command(ERROR);
                    } else {
                        host_talks = false, state = REPORT, rx_command(0);
                    }
                } else {
                    rx_command(ACTIVE);
                }
                return;
            case TELL:
                state = REPORT, rx_command(0);
                return;
            case REPORT:
                dir = nxt = false, state = QUIET;
                return;
            case ADDRESS:
                state = VALUE, nxt = true;
                return;
            case VALUE:
                if (address == 0x04) function = link;
                state = STOP, nxt = false;
                return;
            case STOP:
                if (!stp) fault = LATE_STOP;
                state = QUIET;
                return;
            case COMMAND:  // the link saw NXT
                if (link >> 6 == 1) {
                    const bool raw = (link & 0x0F) == 0;
                    chirping = raw && (function & 0x18) == 0x10;
                    if (raw && !chirping) fault = NO_PID;
                    sent.clear(), stuffing = Stuffing(), ended = -1;
                    sends_from = now + SEND_CYCLES * usb_ns;
                    const uint8_t pid = (link & 0x0F) | (~link & 0x0F) << 4;
                    if (!raw) sent.push_back(pid);
                    line_free = sends_from + (is_high() ? byte_ns(32) : byte_ns(8)) +
                                byte_ns(stuffing.bits(pid));
                    state = SEND, nxt = chirping;
                    return;
                }
                address = link & 0x3F;
                state = ADDRESS, nxt = false;
                return;
            default: break;
        }
        if (sends_from >= 0 && ended >= 0 && now >= ended) sends_from = -1;
        nxt = false;
        if (line() != shown) {
            dir = true, state = TELL;
        } else if (link >> 6 == 1 || link >> 6 == 2) {
            state = COMMAND, nxt = true;
        }
    }

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
        top.dir = dir, top.nxt = nxt, top.data_i = data;
        top.eval();
        if (dir && top.drive) fault = CONTENTION;
        const uint8_t link = top.drive ? top.data_o : 0;
        const bool stp = top.stp;
        top.usb_clk = 1;
        top.eval();
        top.usb_clk = 0;
        top.eval();
        tick(link, stp);
    }

    void until(double time) {
        while (next_core < time || next_usb < time) edge();
        now = time;
    }
};

}  // namespace

extern "C" {

Board* board_open() { return new Board; }
void board_close(Board* board) { delete board; }
uint64_t board_cycles(const Board* board) { return board->cycles; }
double board_now(const Board* board) { return board->now; }
int board_attached(const Board* board) { return board->pulls_up(); }
int board_suspended(const Board* board) { return board->top.suspended; }
int board_error(const Board* board) { return board->top.error; }
int board_idle(const Board* board) { return board->top.idle; }
int board_chirping(const Board* board) { return board->chirping; }
int board_high_speed(const Board* board) { return board->is_high(); }

// Clocks of core and transceiver, and the host's bits a second.
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

// Sends a packet and its end, at the speed of the host's bits. `stuffed`: 0 if the transceiver finds a
// wrong bit in the middle, and says so; `sync`: bits of the pattern before it, of which hubs swallow some.
void board_send(Board* board, const uint8_t* bytes, int count, int stuffed, int sync) {
    const double delay = RECEIVE_CYCLES * board->usb_ns;
    const bool is_high = board->bit_ns < 10;
    double time = board->now + sync * board->bit_ns;
    Stuffing stuffing;
    board->events.clear();
    board->at = 0;
    board->host_talks = true;
    board->events.push_back({time + delay, Event::START, 0});
    for (int at = 0; at < count; ++at) {
        if (!stuffed && at == count / 2) {
            board->events.push_back({time + delay, Event::WRONG, 0});
            break;
        }
        time += stuffing.bits(bytes[at]) * board->bit_ns;
        board->events.push_back({time + delay, Event::BYTE, bytes[at]});
    }
    time += (is_high ? 8 : 3) * board->bit_ns;
    board->events.push_back({time + delay, Event::END, 0});
    board->ended = board->sends_from = -1;
    board->until(time);
}

// Waits at most `timeout` bits for a packet to begin and takes it. Returns its length, 0 for none,
// or what is wrong with it; `*gap` becomes the bits of silence before it.
int board_receive(Board* board, uint8_t* out, int limit, double timeout, double* gap) {
    const double start = board->now;
    const double end = start + timeout * board->bit_ns;
    while (board->sends_from < 0 && board->now < end && !board->fault) board->edge();
    if (board->fault) return board->fault;
    if (board->sends_from < 0) return NOTHING;
    *gap = (board->sends_from - start) / board->bit_ns;
    while (board->ended < 0 && int(board->sent.size()) <= limit) board->edge();
    if (int(board->sent.size()) > limit) return TOO_LONG;
    board->until(board->ended > board->now ? board->ended : board->now);
    for (size_t at = 0; at < board->sent.size(); ++at) out[at] = board->sent[at];
    return board->fault ? board->fault : int(board->sent.size());
}

}  // extern "C"
