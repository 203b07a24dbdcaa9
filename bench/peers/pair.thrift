namespace cpp bench.thrift

service Pair {
    i64 getX()
    binary echo(1: binary bytes)
}
