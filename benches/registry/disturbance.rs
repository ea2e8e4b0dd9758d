//! How much of the machine others had while something was measured: a ratio measured on a busy machine says little.
//! It only reads /proc, and measures nothing of the registry.

use std::fs;

use crate::inspect;

/// Times since the machine's start, in ticks of all processors together.
pub(crate) struct Usage {
    total: u64,
    busy: u64,
    stolen: u64,
    /// This process, its children that have ended, and those named that have not.
    ours: u64,
}

impl Usage {
    pub(crate) fn now(children: &[u32]) -> Self {
        let machine = numbers("/proc/stat", |text| text.lines().next()?.strip_prefix("cpu "));
        let [user, nice, system, idle, waiting, interrupts, deferred, stolen] = machine[..8] else {
            panic!("/proc/stat: {machine:?}")
        };
        let busy = user + nice + system + interrupts + deferred;
        // After the name in parentheses: user and system time are the 12th and 13th field, the children's follow.
        let itself =
            numbers("/proc/self/stat", |text| text.rsplit(')').next()?.trim().split_once(' ').map(|it| it.1));
        let alive: u64 = children.iter().map(|pid| inspect::processor_ticks(*pid)).sum();
        let ours = alive + itself[10..14].iter().sum::<u64>();
        Self { total: busy + idle + waiting + stolen, busy, stolen, ours }
    }

    /// Ticks of others from `self` until `now`.
    pub(crate) fn others(&self, now: &Self) -> u64 {
        (now.busy - self.busy).saturating_sub(now.ours - self.ours)
    }

    /// One sentence on the time from `self` until now.
    pub(crate) fn sentence(&self) -> String {
        let now = Self::now(&[]);
        let percent = |ticks: u64| 100 * ticks / (now.total - self.total).max(1);
        let (others, stolen) = (percent(self.others(&now)), percent(now.stolen - self.stolen));
        format!(
            "Meanwhile other programs had {others} % of the processors, other guests of the host {stolen} %."
        )
    }
}

fn numbers(path: &str, part: impl Fn(&str) -> Option<&str>) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let part = part(&text).unwrap_or_else(|| panic!("{path}:\n{text}"));
    part.split_whitespace().map(|number| number.parse().unwrap_or_default()).collect()
}
