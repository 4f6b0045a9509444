// The C interface that all boards of `timed_board.py` have; included behind the definition of `Board`.

#pragma once

extern "C" {

Board* board_open() { return new Board; }
void board_close(Board* board) { delete board; }
uint64_t board_cycles(const Board* board) { return board->cycles; }
double board_now(const Board* board) { return board->now; }
int board_error(const Board* board) { return board->top.error; }
int board_idle(const Board* board) { return board->top.idle; }

}  // extern "C"
