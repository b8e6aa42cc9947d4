//! The shell's own commands as people type them, for completion and advice; what they do is [`crate::program`]'s.

/// Name and help.
pub const BUILTINS: &[(&str, &str)] = &[
    ("bg", "Move a job to the background"),
    ("cd", "Change the working directory"),
    ("echo", "Write the arguments"),
    ("eval", "Run the arguments as a command"),
    ("exec", "Replace the shell with a command"),
    ("exit", "Leave the shell"),
    ("export", "Hand a variable to commands"),
    ("false", "Fail"),
    ("fg", "Move a job to the foreground"),
    ("jobs", "List the jobs of this shell"),
    ("kill", "Send a signal"),
    ("printf", "Write the arguments in a format"),
    ("pwd", "Write the working directory"),
    ("read", "Read a line into variables"),
    ("set", "Set options and arguments of the shell"),
    ("test", "Evaluate a condition"),
    ("true", "Succeed"),
    ("type", "Say what a name would run"),
    ("umask", "Show or set the file mode mask"),
    ("unset", "Remove a variable"),
    ("wait", "Wait for jobs"),
];
