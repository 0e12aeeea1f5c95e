// Loaded into Azurite before it starts: when the process that holds the other end of stdin has died, however it died,
// Azurite stops as if it had been told to, which saves what it has in memory.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
// Watching must not keep an Azurite alive that has been told to stop.
process.stdin.unref();
