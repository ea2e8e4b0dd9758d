//! How the system's allocator gives memory back. By default glibc keeps what a flood of large messages took, since it
//! expects the next one; a registry that has been flooded once shall be as small afterwards as before.

/// From how many bytes on a piece of memory is the system's own, and goes back to it when it is freed. Setting it at all is
/// what counts: glibc otherwise raises its own threshold with each large piece that is freed (mallopt(3)).
#[cfg(target_env = "gnu")]
const OWN_MAPPING: libc::c_int = 64 * 1024;
/// How much may lie free at the end of the heap before it goes back.
#[cfg(target_env = "gnu")]
const FREE_AT_THE_END: libc::c_int = 1024 * 1024;

/// Gives back what is free now between pieces that are not: what a crowd of peers leaves behind. Takes some milliseconds, in
/// which other threads may wait for memory.
#[allow(unsafe_code)]
pub fn give_back_now() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Tells the allocator to give memory back. Before any thread starts.
#[allow(unsafe_code)]
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(libc::M_MMAP_THRESHOLD, OWN_MAPPING), (libc::M_TRIM_THRESHOLD, FREE_AT_THE_END)]
    {
        // SAFETY: mallopt(3) reads two integers and only sets the allocator's own parameters; no other thread runs yet.
        unsafe { libc::mallopt(parameter, value) };
    }
}
