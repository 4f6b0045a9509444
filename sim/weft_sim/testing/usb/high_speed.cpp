// Steps the complete design behind a ULPI transceiver (ULPI 1.1, 8 bits, clock from the transceiver):
// a host's packets become RX commands and bytes on the bus, what the design sends becomes packets.
// High speed has a byte a cycle, full speed a byte in 40; stuffed bits take their time in both.

#include "bus.h"

namespace {

constexpr uint8_t VBUS = 0x4C;  // of an RX command: VBUS is valid, the ID pin high
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

class HighSpeed : public Bus {
public:
    bool is_chirping() const { return chirping; }
    bool is_high() const { return (function & 0x1F) == 0; }
    bool attached() const override { return pulls_up(); }

    // At the speed of the host's bits. `stuffed`: 0 if the transceiver finds a wrong bit in the middle,
    // and says so.
    void send(const uint8_t* bytes, int count, int stuffed, int sync) override {
        const double delay = RECEIVE_CYCLES * usb_ns;
        const bool is_high = bit_ns < 10;
        double time = now + sync * bit_ns;
        Stuffing stuffing;
        events.clear();
        at = 0;
        host_talks = true;
        events.push_back({time + delay, Event::START, 0});
        for (int n = 0; n < count; ++n) {
            if (!stuffed && n == count / 2) {
                events.push_back({time + delay, Event::WRONG, 0});
                break;
            }
            time += stuffing.bits(bytes[n]) * bit_ns;
            events.push_back({time + delay, Event::BYTE, bytes[n]});
        }
        time += (is_high ? 8 : 3) * bit_ns;
        events.push_back({time + delay, Event::END, 0});
        ended = sends_from = -1;
        until(time);
    }

    int receive(uint8_t* out, int limit, double end, double* begin) override {
        while (sends_from < 0 && now < end && !fault) edge();
        if (fault) return fault;
        if (sends_from < 0) return NOTHING;
        *begin = sends_from;
        while (ended < 0 && int(sent.size()) <= limit) edge();
        if (int(sent.size()) > limit) return TOO_LONG;
        until(ended > now ? ended : now);
        for (size_t n = 0; n < sent.size(); ++n) out[n] = sent[n];
        return fault ? fault : int(sent.size());
    }

private:
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

    // Whether the resistor at D+ is on.
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

    void usb_cycle() override {
        top.dir = dir, top.nxt = nxt, top.data_i = data;
        top.eval();
        if (dir && top.drive) fault = CONTENTION;
        const uint8_t link = top.drive ? top.data_o : 0;
        const bool stp = top.stp;
        usb_pulse();
        tick(link, stp);
    }
};

}  // namespace

extern "C" {

Bus* board_open() { return new HighSpeed; }
int board_chirping(const Bus* bus) { return static_cast<const HighSpeed*>(bus)->is_chirping(); }
int board_high_speed(const Bus* bus) { return static_cast<const HighSpeed*>(bus)->is_high(); }

}  // extern "C"
