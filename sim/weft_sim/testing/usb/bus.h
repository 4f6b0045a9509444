// A design behind a USB bus: its core and its link have a clock each. The C interface of both speeds.

#pragma once

#include <cstdint>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

// What the linker wants of a program that never asks for simulated time.
double sc_time_stamp() { return 0; }

enum Level : uint8_t { SE0 = 0, J = 1, K = 2, IDLE = 3 };  // IDLE: the host drives nothing

// What can be wrong with a packet of the device; the codes are negative lengths.
enum Fault {
    NOTHING = 0,
    BAD_SYNC = -1,
    BAD_STUFFING = -2,
    BAD_END = -3,
    PARTIAL_BYTE = -4,
    TOO_LONG = -5,
    CONTENTION = -6,
    NO_PID = -7,
    LATE_STOP = -8,
};

struct Bus {
    VerilatedContext context;
    Vtop top{&context};
    double now = 0, next_core = 0, next_usb = 0;                  // nanoseconds
    double core_ns = 10, usb_ns = 1e3 / 48, bit_ns = 1e3 / 12;  // until `board_clocks` says others
    uint64_t cycles = 0;  // of the core
    Level host = IDLE;

    virtual ~Bus() = default;
    virtual bool attached() const = 0;
    // Sends a packet and its end. `stuffed` is what follows six ones, `sync` how many bits of the
    // pattern before the packet arrive: hubs swallow some.
    virtual void send(const uint8_t* bytes, int count, int stuffed, int sync) = 0;
    // Waits until `end` for a packet to begin and takes it. Returns its length, 0 for none, or a
    // `Fault`; `*begin` becomes the time at which it began.
    virtual int receive(uint8_t* out, int limit, double end, double* begin) = 0;

    // Lets every edge of both clocks happen before `time`.
    void until(double time) {
        while (next_core < time || next_usb < time) edge();
        now = time;
    }

protected:
    // One cycle of the link's clock, which calls `usb_pulse` once.
    virtual void usb_cycle() = 0;

    void usb_pulse() {
        top.usb_clk = 1;
        top.eval();
        top.usb_clk = 0;
        top.eval();
    }

    // The next edge of either clock.
    void edge() {
        if (next_core > next_usb) {
            now = next_usb;
            next_usb += usb_ns;
            usb_cycle();
            return;
        }
        now = next_core;
        next_core += core_ns;
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
        ++cycles;
    }
};

extern "C" {

Bus* board_open();  // of the speed
void board_close(Bus* bus) { delete bus; }
uint64_t board_cycles(const Bus* bus) { return bus->cycles; }
double board_now(const Bus* bus) { return bus->now; }
int board_attached(const Bus* bus) { return bus->attached(); }
int board_suspended(const Bus* bus) { return bus->top.suspended; }
int board_error(const Bus* bus) { return bus->top.error; }
int board_idle(const Bus* bus) { return bus->top.idle; }

// Clocks of core and link, and the host's bits a second.
void board_clocks(Bus* bus, double core_hz, double usb_hz, double bit_hz) {
    bus->core_ns = 1e9 / core_hz;
    bus->usb_ns = 1e9 / usb_hz;
    bus->bit_ns = 1e9 / bit_hz;
}

// Drives one level for so many nanoseconds.
void board_drive(Bus* bus, int level, double ns) {
    bus->host = Level(level);
    bus->until(bus->now + ns);
    bus->host = IDLE;
}

void board_send(Bus* bus, const uint8_t* bytes, int count, int stuffed, int sync) {
    bus->send(bytes, count, stuffed, sync);
}

// Waits at most `timeout` bits; `*gap` becomes the bits of silence before the packet.
int board_receive(Bus* bus, uint8_t* out, int limit, double timeout, double* gap) {
    const double start = bus->now;
    double begin = start;
    const int length = bus->receive(out, limit, start + timeout * bus->bit_ns, &begin);
    *gap = (begin - start) / bus->bit_ns;
    return length;
}

}  // extern "C"
