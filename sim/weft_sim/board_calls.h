// The C interface that all boards of `clocked_board.h` have; included behind the definition of `Board`,
// whose `silence` makes the link's input idle.

#pragma once

extern "C" {

void board_close(Board* board) { delete board; }

uint64_t board_cycles(const Board* board) { return board->cycles; }

// Gives its SDRAM a size; `retention` is how many cycles a row keeps its words.
void board_memory(Board* board, int rows, uint64_t retention) {
    board->sdram.chip.resize(rows, retention);
}

void board_break_memory(Board* board, int data_high, int address_low, uint64_t retention) {
    board->sdram.chip.break_it(data_high, address_low, retention);
}

// Lets time pass in which nobody says anything.
void board_wait(Board* board, uint64_t count) {
    board->silence();
    for (uint64_t n = 0; n < count; ++n) {
        board->settle();
        board->step();
    }
    board->settle();
}

}  // extern "C"
