//! The state file from outside: what is acknowledged is in it, whatever ends the daemon; what can't be read stops the start and
//! is left as it was; one daemon a file; a disk that is full.

mod damage;
pub(crate) mod disk;
mod folder;
mod kills;
mod life;
