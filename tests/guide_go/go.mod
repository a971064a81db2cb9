module runnel/guide

go 1.22
