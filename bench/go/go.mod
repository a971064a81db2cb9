module runnel/bench

go 1.19
