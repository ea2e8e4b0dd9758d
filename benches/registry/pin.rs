//! Keeps servers and their load on chosen processors for a while. Else where the scheduler happens to put three threads
//! decides a figure (13,000 or 35,000 a second were seen, with one connection, on one machine). It uses taskset
//! (util-linux), for threads of other processes too.

use std::process::Command;

use crate::contest::Company;
use crate::inspect;

/// Who may run where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// As the scheduler likes.
    Free,
    /// All on one processor: a figure is what a request costs all of them together.
    Shared,
    /// The servers on one processor and the load on another: a figure is what a request costs the server, where that is
    /// the slower one.
    Apart,
}

/// Until it is dropped, the given processes, and this one with every child it starts, are where they were placed.
pub(crate) struct Pinned {
    pids: Vec<u32>,
    allowed: String,
}

impl Pinned {
    pub(crate) fn to(placement: Placement, company: Company<'_>) -> Self {
        let itself = std::process::id();
        let allowed = inspect::allowed_processors(itself);
        let processor = |place: Option<&str>| place.unwrap_or_default().to_owned();
        let first = processor(allowed.split([',', '-']).next());
        let last = processor(allowed.rsplit([',', '-']).next());
        let with_the_load = [&[itself], company.beside].concat();
        match placement {
            Placement::Free => {}
            Placement::Shared => set(&[&with_the_load, company.servers].concat(), &last),
            Placement::Apart => {
                set(&with_the_load, &first);
                set(company.servers, &last);
            }
        }
        Self { pids: [&with_the_load, company.servers].concat(), allowed }
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
