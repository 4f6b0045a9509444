// An SDR SDRAM, 16 bits wide, on the pins of the simulated design; faults can be put into it.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

struct SdramPins {
    bool ras, cas, we;  // 1 where the command's line is active
    int bank;
    unsigned address;
    uint16_t data;
};

// Gives back what was written while it is refreshed. Whether timing is kept it does not look at:
// tests hold the controller to that (sdram_chip.py).
class SdramChip {
    static constexpr uint16_t kUndriven = 0xa55a;
    static constexpr int kBanks = 4, kColumnBits = 9, kNoRow = -1;
    static constexpr unsigned kAllBanks = 1 << 10;
    int rows = 0;
    std::vector<uint16_t> words;  // at row, bank, column: the order of the port's addresses
    std::vector<uint64_t> restored;  // when each row of each bank was last read or refreshed
    std::array<int, kBanks> open;
    std::array<uint16_t, 8> answers;  // by the cycle, modulo 8, in which the board takes them
    uint64_t now = 0, retention = 0;
    int latency = 0, next_row = 0;
    // Faults.
    uint16_t stuck_high = 0;
    unsigned address_low = 0;
    bool refreshes = true;

    size_t row_of(int row, int bank) const { return size_t(row) * kBanks + bank; }

    void activate(const SdramPins& pins) {
        const int row = pins.address % rows;
        const size_t at = row_of(row, pins.bank);
        open[pins.bank] = row;
        // Cells that were left alone for too long have lost their charge.
        if (now - restored[at] > retention)
            for (int n = 0; n < 1 << kColumnBits; ++n) words[at << kColumnBits | n] = 0;
        restored[at] = now;
    }

    void refresh() {
        if (refreshes)
            for (int bank = 0; bank < kBanks; ++bank) restored[row_of(next_row, bank)] = now;
        next_row = (next_row + 1) % rows;
    }

public:
    SdramChip() {
        open.fill(kNoRow);
        answers.fill(kUndriven);
    }

    // `cycles`: how long a row keeps its words.
    void resize(int row_count, uint64_t cycles) {
        rows = row_count;
        retention = cycles;
        words.assign(size_t(rows) * kBanks << kColumnBits, kUndriven);
        restored.assign(size_t(rows) * kBanks, now);
    }

    // Data lines that are always 1, address lines that are always 0; rows that are never refreshed,
    // and keep their words for `cycles` (0: all is well).
    void break_it(uint16_t data_high, unsigned low, uint64_t cycles) {
        stuck_high = data_high;
        address_low = low;
        refreshes = cycles == 0;
        if (cycles) retention = cycles;
    }

    // Takes the pins of one cycle of the board's clock; returns the word that it shows in the next.
    uint16_t cycle(SdramPins pins) {
        pins.address &= ~address_low;
        const int row = open[pins.bank];
        if (pins.ras && pins.cas && pins.we) {
            latency = pins.address >> 4 & 7;
        } else if (pins.ras && pins.cas) {
            refresh();
        } else if (pins.ras && pins.we) {
            if (pins.address & kAllBanks) open.fill(kNoRow);
            else open[pins.bank] = kNoRow;
        } else if (pins.ras) {
            activate(pins);
        } else if (pins.cas && row != kNoRow) {
            uint16_t& word = words[row_of(row, pins.bank) << kColumnBits |
                                   (pins.address & ((1 << kColumnBits) - 1))];
            if (pins.we) word = pins.data | stuck_high;
            else answers[(now + latency) % answers.size()] = word | stuck_high;
        }
        ++now;
        return std::exchange(answers[now % answers.size()], kUndriven);
    }
};

template <class Top, class = void>
struct HasSdram : std::false_type {};
template <class Top>
struct HasSdram<Top, std::void_t<decltype(std::declval<Top>().sdram___05Fdq_i)>> : std::true_type {
};

// The chip on the pins `sdram` of `Top`, if it has some. There is a register at each pad, on the way
// out and on the way in: in a netlist; else they are made up for here.
template <class Top>
class SdramBeside {
    SdramPins pad{};
    uint16_t shown = 0, input = 0;

    template <class T>
    static SdramPins pins_of(const T& top) {
        return {bool(top.sdram___05Fras), bool(top.sdram___05Fcas), bool(top.sdram___05Fwe),
                int(top.sdram___05Fba), unsigned(top.sdram___05Fa), uint16_t(top.sdram___05Fdq_o)};
    }

public:
    SdramChip chip;
    bool has_registers = true;

    // Before `top` is evaluated in a cycle.
    template <class T>
    void drive(T& top) const {
        if constexpr (HasSdram<T>::value) top.sdram___05Fdq_i = has_registers ? input : shown;
    }

    // Before the edge that ends the cycle.
    template <class T>
    void step(const T& top) {
        if constexpr (HasSdram<T>::value) {
            input = shown;
            shown = chip.cycle(has_registers ? pad : pins_of(top));
            pad = pins_of(top);
        }
    }
};
