//! One kind of load, measured on three servers in turn: the one that is judged, the one that it is held against, and
//! another of those. These two against each other, the null, say how much of a difference is this machine's.

use crate::agents::Question;
use crate::children::{self, Server};
use crate::load::{Order, Shape};
use crate::pin::{Pinned, Placement};
use crate::rounds::{Effort, Rounds};
use crate::sample::Sample;
use crate::table::Row;

/// One kind of load.
pub(crate) struct Work {
    /// For the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) question: Question,
    pub(crate) shape: Shape,
    pub(crate) placement: Placement,
    /// Whether its rounds lie close together.
    pub(crate) is_steady: bool,
    pub(crate) bar: Bar,
}

/// What the median ratio must be. Two of the same program differ by the null, which is therefore no fault of the
/// one that is judged.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    /// So much less than the median null at most.
    NullMinus(f64),
    /// Such a share of the median null at least.
    OfNull(f64),
    /// Anything: it is told, not judged.
    None,
}

impl Bar {
    fn words(self) -> String {
        match self {
            Self::NullMinus(less) => format!("≥ null − {less}"),
            Self::OfNull(share) => format!("≥ {share} of the null"),
            Self::None => "–".to_owned(),
        }
    }

    fn is_met(self, ratio: f64, null: f64) -> bool {
        match self {
            Self::NullMinus(less) => ratio >= null - less,
            Self::OfNull(share) => ratio >= share * null,
            Self::None => true,
        }
    }
}

/// `servers` are the judged one, and two of what it is held against, which `against` names.
pub(crate) fn contest(
    work: &Work,
    order: &Order,
    servers: [&Server; 3],
    against: &str,
    effort: Effort,
) -> Row {
    let pids = servers.map(Server::pid);
    let company = Company { servers: &pids, beside: &[] };
    contest_in(work, company, against, effort, |index| children::load(order, servers[index]))
}

/// The processes that work while something is measured.
#[derive(Clone, Copy)]
pub(crate) struct Company<'a> {
    /// Those that answer, one of which is judged.
    pub(crate) servers: &'a [u32],
    /// Those that stand beside the load, and take from its processor what they need.
    pub(crate) beside: &'a [u32],
}

/// The same where the three don't differ by their address alone: `measure` measures one of them by its number.
pub(crate) fn contest_in(
    work: &Work,
    company: Company<'_>,
    against: &str,
    effort: Effort,
    measure: impl FnMut(usize) -> Sample,
) -> Row {
    eprintln!("{} …", work.title);
    let _pinned = Pinned::to(work.placement, company);
    let count = if work.is_steady { effort.for_steady().rounds } else { effort.rounds };
    let rounds = Rounds::run(count, 3, &company.pids(), measure);
    let (ratio, null) = (rounds.ratio(0, 1), rounds.ratio(2, 1));
    Row {
        work: work.title.to_owned(),
        registry: rounds.figures(0),
        compared_with: format!("{against} {}", rounds.figures(1)),
        ratio: Some(ratio),
        null: Some(null),
        must_be: work.bar.words(),
        is_met: work.bar.is_met(ratio.median, null.median),
    }
}

impl Company<'_> {
    fn pids(&self) -> Vec<u32> {
        [self.servers, self.beside].concat()
    }
}
