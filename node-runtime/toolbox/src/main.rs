//! The toolbox binary: `/dev/.toolbox NAME PATH ARGS…` is a guest program, `init` is pid 1 of a node, `keeper` cleans
//! up behind it.
//!
//! There is no Rust runtime before `main`: it would ignore SIGPIPE and open descriptors that guests count on finding as
//! execve(2) left them.
#![no_main]

use std::ffi::CStr;
use std::os::raw::{c_char, c_int};

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// # Safety
/// Called by the C runtime with the arguments of execve(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(_argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: both are NULL-terminated arrays of NUL-terminated strings, by execve(2).
    let (argv, env) = unsafe { (strings(argv), strings(environ)) };
    match argv.first().map(String::as_str) {
        Some("init") => toolbox::init::main(),
        Some("run") => toolbox::run::main(&argv[1..]),
        Some("keeper") => toolbox::keeper::main(argv.get(1..).unwrap_or_default()),
        _ => toolbox::guest::main(argv.get(1..).unwrap_or_default(), env),
    }
}

/// # Safety
/// `list` is a NULL-terminated array of NUL-terminated strings.
unsafe fn strings(mut list: *const *const c_char) -> Vec<String> {
    let mut out = Vec::new();
    // SAFETY: as the caller says.
    unsafe {
        while !list.is_null() && !(*list).is_null() {
            out.push(CStr::from_ptr(*list).to_string_lossy().into_owned());
            list = list.add(1);
        }
    }
    out
}
