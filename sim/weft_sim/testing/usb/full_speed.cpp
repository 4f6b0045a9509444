// Steps the complete design through D+ and D-: a host's packets become levels on the two lines, at
// the host's own rate, and the levels that the device drives become packets again.

#include "bus.h"

namespace {

constexpr int SAMPLES = 4;  // of a bit, by the device's clock

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

class FullSpeed : public Bus {
public:
    bool attached() const override { return top.pullup; }

    // `stuffed`: what comes behind six ones: 0 nothing, 1 the zero that belongs there, 2 a one.
    void send(const uint8_t* bytes, int count, int stuffed, int sync) override {
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
        heard.clear();
        double time = now;
        for (Level next : levels) {
            host = next;
            until(time += bit_ns);
        }
        host = IDLE;
    }

    int receive(uint8_t* out, int limit, double end, double* begin) override {
        while (!driving && now < end) edge();
        if (!driving) return NOTHING;
        *begin = now;
        while (driving) edge();
        const int length = decode(heard, out, limit);
        heard.clear();
        return length;
    }

private:
    std::vector<uint8_t> heard;  // levels while the device drives, one a cycle of its clock
    bool driving = false;

    void usb_cycle() override {
        const bool undriven = host == IDLE;
        top.d_p_i = driving ? top.d_p_o : undriven ? top.pullup : host == J;
        top.d_n_i = driving ? top.d_n_o : undriven ? 0 : host == K;
        usb_pulse();
        driving = top.drive;
        if (driving) heard.push_back(top.d_p_o ? (top.d_n_o ? 4 : J) : (top.d_n_o ? K : SE0));
    }
};

}  // namespace

extern "C" {

Bus* board_open() { return new FullSpeed; }

}  // extern "C"
