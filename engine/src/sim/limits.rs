//! Every bound of the engine, by name (I6). Reaching one is an event with a message, never a hang or a crash.

/// Calls one command may have granted before it is stopped as a runaway.
pub const CALLS_PER_COMMAND: u64 = 50_000;
/// Virtual time one command may take: an hour.
pub const TIME_PER_COMMAND: super::Nanos = 3_600 * super::SECOND;
/// Processes on one node.
pub const PROCESSES: usize = 512;
/// Bytes in one pipe, as on Linux (pipe(7), "Pipe capacity").
pub const PIPE_BYTES: usize = 65_536;
/// Calls it has left to end in after that, before it is killed.
pub const CALLS_AFTER_INTERRUPT: u64 = 1_000;
/// Bytes one command may print before it is stopped as a runaway; the rest is dropped, with a notice.
pub const OUTPUT_BYTES: usize = 128 << 10;
/// Bytes of one file in a simulated file system.
pub const FILE_BYTES: u64 = 64 << 20;
/// Bytes of a file or layer that a scenario brings along, unpacked.
pub const SCENARIO_BYTES: usize = 256 << 20;
/// Bytes of a learner's command line.
pub const LINE_BYTES: usize = 64 * 1024;
/// Bytes of a Dockerfile.
pub const DOCKERFILE_BYTES: usize = 256 * 1024;
/// Inputs in one session.
pub const INPUTS: usize = 2_000;
/// Containers a daemon keeps.
pub const CONTAINERS: usize = 256;
/// Layers of one image, as overlay2 has it.
pub const LAYERS: usize = 127;
/// Bytes of one mapping of memory, and mappings of one process.
pub const MAPPING_BYTES: u64 = 1 << 30;
pub const MAPPINGS: u32 = 256;
