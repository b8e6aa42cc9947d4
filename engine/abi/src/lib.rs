//! The zero-import wasm face of the engine: `engine.wasm`.
//!
//! One session, four functions. A host writes a postcard [`Ask`] at [`alloc`]'s address, calls [`ask`], and reads a
//! postcard [`Reply`] at the address and length it gets back. A panic traps; [`panicked`] then tells its message from
//! the memory that is left, the host throws the instance away and replays. The module imports nothing, so a browser's
//! worker and wasmtime run the very same bytes.

use engine::kernel::SimKernel;
use engine::sched::Scheduled;
use engine::session::{Ask, Reply, Session};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Simulated = Session<Scheduled<SimKernel>>;

static SESSION: Mutex<Option<Simulated>> = Mutex::new(None);
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Room for `len` bytes of a request.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(len: u32) -> *mut u8 {
    let room: Box<[u8]> = vec![0; len as usize].into_boxed_slice();
    Box::into_raw(room).cast()
}

/// Gives back what [`alloc`] or [`ask`] gave. Not `free`: where this crate is linked natively, that is the C library's.
///
/// # Safety
/// `ptr` and `len` are those that `alloc` took and returned, or that [`ask`] returned, and are given back once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn release(ptr: *mut u8, len: u32) {
    // SAFETY: the caller's promise above; both came from a boxed slice of exactly this length.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(ptr, len as usize)) });
}

/// Answers the request in `ptr[..len]`, which stays the caller's. Returns the reply's address in the upper and its
/// length in the lower 32 bits; it is the caller's to [`release`].
///
/// # Safety
/// `ptr` points to `len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ask(ptr: *const u8, len: u32) -> u64 {
    std::panic::set_hook(Box::new(|info| *lock(&PANIC) = info.to_string()));
    // SAFETY: the caller's promise above.
    let request = unsafe { std::slice::from_raw_parts(ptr, len as usize) };
    given(postcard::to_allocvec(&answer(request)).unwrap_or_default())
}

/// The message of the panic that ended this instance, in the form [`ask`] returns; empty if there was none.
#[unsafe(no_mangle)]
pub extern "C" fn panicked() -> u64 {
    given(lock(&PANIC).clone().into_bytes())
}

/// The same as [`ask`], for hosts in Rust.
pub fn answer(request: &[u8]) -> Reply {
    let ask: Ask = match postcard::from_bytes(request) {
        Ok(ask) => ask,
        Err(error) => return Reply::Refused(format!("the request cannot be read: {error}")),
    };
    let mut session = lock(&SESSION);
    match (ask, session.as_mut()) {
        (Ask::Open { opening, era }, _) => match Simulated::opened(&opening, era) {
            Ok(opened) => Reply::State(Box::new(session.insert(opened).state())),
            Err(fault) => Reply::Refused(fault.to_string()),
        },
        (ask, Some(session)) => session.ask(ask),
        (_, None) => Reply::Refused("no scenario is open".to_owned()),
    }
}

fn given(bytes: Vec<u8>) -> u64 {
    let bytes = bytes.into_boxed_slice();
    let len = bytes.len() as u64;
    let ptr = Box::into_raw(bytes).cast::<u8>() as usize as u64;
    (ptr << 32) | len
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
