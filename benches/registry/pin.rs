//! Keeps everything on one processor for a while. Else where the scheduler happens to put three threads decides a
//! figure (13,000 or 35,000 a second were seen, with one connection, on one machine); so, what a request costs all
//! of them together does. It uses taskset (util-linux), for threads of other processes too.

use std::process::Command;

use crate::inspect;

/// Until it is dropped, the given processes and this one, with every child it starts, share one processor.
pub(crate) struct Pinned {
    pids: Vec<u32>,
    allowed: String,
}

impl Pinned {
    pub(crate) fn with(servers: &[u32]) -> Self {
        let itself = std::process::id();
        let pids = [&[itself], servers].concat();
        let allowed = inspect::allowed_processors(itself);
        let last = allowed.rsplit([',', '-']).next().unwrap_or_default();
        set(&pids, last);
        Self { pids, allowed }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        set(&self.pids, &self.allowed);
    }
}

fn set(pids: &[u32], processors: &str) {
    for pid in pids {
        let output = Command::new("taskset").args(["-a", "-c", "-p", processors, &pid.to_string()]).output();
        let is_done = output.as_ref().is_ok_and(|output| output.status.success());
        if !is_done {
            eprintln!("taskset does not keep {pid} on processor {processors}: {output:?}");
        }
    }
}
