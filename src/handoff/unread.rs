//! What ZMTP peers have asked for and not read yet, where it is shared memory. A thousand peers that wait for the same list
//! hold one piece, and a record that the store holds anyway costs nothing more; but a peer that lets the list change and
//! asks again, and reads nothing, holds a piece each time. Past a budget who holds the oldest piece is cut.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::peers::{self, PeerId};
use crate::wire::shared::Watch;

/// The most that unread pieces may take, in bytes, or [`LARGEST`] times the largest one, where that is more.
const BUDGET: usize = 64 * 1024 * 1024;
/// So many different ones of the largest piece are no fault of their readers: large lists take their time.
const LARGEST: usize = 4;

static UNREAD: LazyLock<Mutex<Unread>> = LazyLock::new(Mutex::default);

/// All pieces, by age.
#[derive(Default)]
struct Unread {
    pieces: BTreeMap<u64, Piece>,
    by_start: HashMap<usize, u64>,
    next: u64,
    /// All pieces, in bytes, those included that the store holds as well.
    bytes: usize,
}

struct Piece {
    start: usize,
    watch: Watch,
    /// How many messages of it wait for each reader.
    readers: HashMap<Option<PeerId>, usize>,
    messages: usize,
    /// Its readers were cut, and it is as good as gone.
    is_given_up: bool,
}

impl Piece {
    /// What it takes that would be free without its readers.
    fn cost(&self) -> usize {
        if self.is_given_up { 0 } else { self.takes() }
    }

    /// What it takes beside what the store holds.
    fn takes(&self) -> usize {
        if self.watch.holders() > self.messages { 0 } else { self.watch.length() }
    }
}

/// One message's share in a piece; dropping it says that libzmq is done with the message.
pub(super) struct Share {
    number: u64,
    reader: Option<PeerId>,
}

/// Notes a message of the memory at `start` for `reader`, and cuts who leaves too much unread. `None`: even what is given up
/// already takes too much, until libzmq is done with it.
pub(super) fn note(start: *const u8, watch: Watch, reader: Option<PeerId>) -> Option<Share> {
    let mut unread = unread();
    if unread.is_over_limit(start.addr()) {
        return None;
    }
    let number = unread.note(start.addr(), watch, reader);
    let to_cut = unread.over_budget();
    // Before anybody is cut: a peer's end may need this lock.
    drop(unread);
    to_cut.into_iter().for_each(peers::cut);
    Some(Share { number, reader })
}

fn unread() -> MutexGuard<'static, Unread> {
    UNREAD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Share {
    fn drop(&mut self) {
        unread().forget(self.number, self.reader);
    }
}

impl Unread {
    fn note(&mut self, start: usize, watch: Watch, reader: Option<PeerId>) -> u64 {
        let number = self.by_start.get(&start).copied().unwrap_or_else(|| self.begin(start, watch));
        if let Some(piece) = self.pieces.get_mut(&number) {
            piece.messages += 1;
            *piece.readers.entry(reader).or_default() += 1;
        }
        number
    }

    fn begin(&mut self, start: usize, watch: Watch) -> u64 {
        let number = self.next;
        self.next += 1;
        self.bytes += watch.length();
        self.by_start.insert(start, number);
        let (readers, messages, is_given_up) = Default::default();
        self.pieces.insert(number, Piece { start, watch, readers, messages, is_given_up });
        number
    }

    fn budget(&self, size: fn(&Piece) -> usize) -> usize {
        BUDGET.max(LARGEST * self.pieces.values().map(size).max().unwrap_or_default())
    }

    /// Whether one more piece would be too much, those included whose readers were cut and are not gone yet.
    fn is_over_limit(&self, start: usize) -> bool {
        if self.bytes <= BUDGET || self.by_start.contains_key(&start) {
            return false;
        }
        let budget = self.budget(Piece::takes);
        self.pieces.values().map(Piece::takes).sum::<usize>() > budget + budget / 4
    }

    /// The readers to cut, so that all but the newest piece fit into the budget.
    fn over_budget(&mut self) -> Vec<PeerId> {
        let mut to_cut = Vec::new();
        if self.bytes <= BUDGET {
            return to_cut;
        }
        let budget = self.budget(Piece::cost);
        let mut bytes: usize = self.pieces.values().map(Piece::cost).sum();
        let newest = self.next.saturating_sub(1);
        for piece in self.pieces.range_mut(..newest).map(|(_, piece)| piece) {
            if bytes <= budget {
                break;
            }
            let cost = piece.cost();
            if cost > 0 {
                bytes -= cost;
                piece.is_given_up = true;
                to_cut.extend(piece.readers.keys().flatten());
            }
        }
        to_cut
    }

    fn forget(&mut self, number: u64, reader: Option<PeerId>) {
        let Some(piece) = self.pieces.get_mut(&number) else { return };
        piece.messages -= 1;
        match piece.readers.get_mut(&reader) {
            Some(messages) if *messages > 1 => *messages -= 1,
            _ => drop(piece.readers.remove(&reader)),
        }
        if piece.messages == 0 {
            self.bytes -= piece.watch.length();
            self.by_start.remove(&piece.start);
            self.pieces.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::shared::Shared;

    const QUARTER: usize = BUDGET / 4;

    fn reader(number: u64) -> Option<PeerId> {
        Some(PeerId { descriptor: 0, number })
    }

    fn piece(length: usize) -> Shared {
        Shared::from(vec![0; length].into(), 0)
    }

    fn numbers(peers: &[PeerId]) -> Vec<u64> {
        peers.iter().map(|peer| peer.number).collect()
    }

    /// One message of each piece for the reader of its number; each piece is held by its message alone.
    fn unread_of(pieces: &[Shared]) -> Unread {
        let mut unread = Unread::default();
        for (number, piece) in pieces.iter().enumerate() {
            unread.note(number, piece.watch(), reader(number as u64));
        }
        unread
    }

    #[test]
    fn one_piece_counts_once_however_many_wait_for_it() {
        let held = piece(QUARTER);
        let mut unread = Unread::default();
        for peer in [1, 2, 1] {
            assert_eq!(unread.note(8, held.watch(), reader(peer)), 0);
        }
        assert_eq!((unread.bytes, unread.over_budget()), (QUARTER, vec![]));
        [1, 2, 1].into_iter().for_each(|peer| unread.forget(0, reader(peer)));
        assert_eq!((unread.bytes, unread.pieces.len(), unread.by_start.len()), (0, 0, 0));
    }

    #[test]
    fn past_the_budget_the_oldest_readers_are_cut_and_no_piece_twice() {
        let held = [QUARTER; 6].map(piece);
        let mut unread = unread_of(&held);
        assert_eq!(numbers(&unread.over_budget()), [0, 1]);
        assert_eq!(numbers(&unread.over_budget()), [] as [u64; 0]);
        unread.forget(0, reader(0));
        unread.note(9, held[0].watch(), reader(9));
        assert_eq!(numbers(&unread.over_budget()), [2]);
    }

    #[test]
    fn who_has_read_everything_is_not_cut() {
        let held = [QUARTER; 6].map(piece);
        let mut unread = unread_of(&held);
        unread.note(0, held[0].watch(), reader(7));
        unread.forget(0, reader(0));
        assert_eq!(numbers(&unread.over_budget()), [7, 1]);
    }

    #[test]
    fn what_the_store_holds_as_well_costs_nothing() {
        let held = [QUARTER; 6].map(piece);
        let stored = held.clone();
        let mut unread = unread_of(&held);
        assert_eq!(unread.over_budget(), vec![]);
        drop(stored);
        assert_eq!(numbers(&unread.over_budget()), [0, 1]);
    }

    #[test]
    fn what_is_given_up_and_not_gone_yet_has_a_limit_too() {
        let held = [QUARTER; 6].map(piece);
        let mut unread = unread_of(&held[..5]);
        assert_eq!(numbers(&unread.over_budget()), [0]);
        assert!(!unread.is_over_limit(9));
        unread.note(5, held[5].watch(), reader(5));
        assert!(unread.is_over_limit(9) && !unread.is_over_limit(5));
        unread.forget(0, reader(0));
        assert!(!unread.is_over_limit(9));
    }

    #[test]
    fn large_pieces_have_a_budget_of_four_and_the_newest_is_let_go() {
        let held = [BUDGET; 5].map(piece);
        let mut unread = unread_of(&held[..4]);
        assert_eq!(unread.over_budget(), vec![]);
        unread.note(4, held[4].watch(), reader(4));
        assert_eq!(numbers(&unread.over_budget()), [0]);
        assert_eq!(unread_of(&held[..1]).over_budget(), vec![]);
    }
}
