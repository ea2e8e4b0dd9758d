//! What ZMTP peers have asked for and not read yet, where it is shared memory. A thousand peers that wait for the same list
//! hold one piece; but a peer that lets the list change and asks again, and reads nothing, holds a piece each time. Past a
//! budget whoever holds the oldest piece is cut. Knows addresses of memory; never what is in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::peers::{self, PeerId};

/// The most that unread pieces may take, in bytes; peers that read at their link's pace hold far less.
const BUDGET: usize = 64 * 1024 * 1024;
/// The same for strangers, who can't be cut: libzmq doesn't tell who they are (ZMTP 1.0 and 2.0).
const BUDGET_OF_STRANGERS: usize = 16 * 1024 * 1024;

static UNREAD: LazyLock<Mutex<Unread>> = LazyLock::new(Mutex::default);

/// All pieces, by age.
#[derive(Default)]
struct Unread {
    pieces: BTreeMap<u64, Piece>,
    by_start: HashMap<usize, u64>,
    next: u64,
    /// In bytes, of the pieces that are [`Held::ByPeers`] and [`Held::ByStrangers`].
    by_peers: usize,
    by_strangers: usize,
}

struct Piece {
    start: usize,
    length: usize,
    /// Messages that libzmq has of it.
    messages: usize,
    readers: Vec<PeerId>,
    held: Held,
}

/// Against which budget a piece counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    ByPeers,
    ByStrangers,
    /// Its readers were cut, and it is as good as gone.
    GivenUp,
}

/// One message's share in a piece; dropping it says that libzmq is done with the message.
pub(super) struct Share(u64);

/// Notes a message of the memory at `start`, for `reader` where it is known; `None`: too much is unread already.
pub(super) fn note(start: *const u8, length: usize, reader: Option<PeerId>) -> Option<Share> {
    let mut unread = unread();
    let number = unread.note(start.addr(), length, reader)?;
    let to_cut = unread.over_budget();
    // Before anybody is cut: a peer's end may need this lock.
    drop(unread);
    to_cut.into_iter().for_each(peers::cut);
    Some(Share(number))
}

fn unread() -> MutexGuard<'static, Unread> {
    UNREAD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Share {
    fn drop(&mut self) {
        unread().forget(self.0);
    }
}

impl Unread {
    fn note(&mut self, start: usize, length: usize, reader: Option<PeerId>) -> Option<u64> {
        let known = self.by_start.get(&start).copied();
        if known.is_none() && reader.is_none() && self.by_strangers + length > BUDGET_OF_STRANGERS {
            return None;
        }
        let number = known.unwrap_or_else(|| self.begin(start, length));
        let piece = self.pieces.get_mut(&number)?;
        piece.messages += 1;
        match reader {
            Some(reader) if piece.readers.last() != Some(&reader) => piece.readers.push(reader),
            None if piece.held == Held::ByPeers => {
                piece.held = Held::ByStrangers;
                self.by_peers -= length;
                self.by_strangers += length;
            }
            _ => {}
        }
        Some(number)
    }

    fn begin(&mut self, start: usize, length: usize) -> u64 {
        let number = self.next;
        self.next += 1;
        self.by_start.insert(start, number);
        self.pieces
            .insert(number, Piece { start, length, messages: 0, readers: Vec::new(), held: Held::ByPeers });
        self.by_peers += length;
        number
    }

    /// The readers to cut, so that all but the newest piece fit into the budget.
    fn over_budget(&mut self) -> Vec<PeerId> {
        let mut to_cut = Vec::new();
        let older = self.next.saturating_sub(1);
        for piece in self.pieces.range_mut(..older).map(|(_, piece)| piece) {
            if self.by_peers <= BUDGET {
                break;
            }
            if piece.held == Held::ByPeers {
                piece.held = Held::GivenUp;
                self.by_peers -= piece.length;
                to_cut.append(&mut piece.readers);
            }
        }
        to_cut
    }

    fn forget(&mut self, number: u64) {
        let Some(piece) = self.pieces.get_mut(&number) else { return };
        piece.messages -= 1;
        if piece.messages > 0 {
            return;
        }
        match piece.held {
            Held::ByPeers => self.by_peers -= piece.length,
            Held::ByStrangers => self.by_strangers -= piece.length,
            Held::GivenUp => {}
        }
        self.by_start.remove(&piece.start);
        self.pieces.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: usize = BUDGET / 4;

    fn reader(number: u64) -> Option<PeerId> {
        Some(PeerId { descriptor: 0, number })
    }

    #[test]
    fn one_piece_counts_once_however_many_wait_for_it() {
        let mut unread = Unread::default();
        let numbers = [1, 2, 1].map(|peer| unread.note(8, QUARTER, reader(peer)));
        assert_eq!((numbers, unread.by_peers, unread.over_budget()), ([Some(0); 3], QUARTER, vec![]));
        (0..3).for_each(|_| unread.forget(0));
        assert_eq!((unread.by_peers, unread.pieces.len(), unread.by_start.len()), (0, 0, 0));
    }

    #[test]
    fn past_the_budget_the_oldest_readers_are_cut() {
        let mut unread = Unread::default();
        for start in 0..6 {
            unread.note(start, QUARTER, reader(start as u64));
        }
        let cut: Vec<u64> = unread.over_budget().iter().map(|peer| peer.number).collect();
        assert_eq!((cut, unread.by_peers), (vec![0, 1], BUDGET));
        assert!(unread.over_budget().is_empty());
        // What was given up counts no more, whenever it goes.
        unread.forget(0);
        assert_eq!(unread.by_peers, BUDGET);
        unread.forget(5);
        assert_eq!(unread.by_peers, 3 * QUARTER);
    }

    #[test]
    fn the_newest_piece_is_let_go_however_large() {
        let mut unread = Unread::default();
        unread.note(1, 2 * BUDGET, reader(1));
        assert_eq!(unread.over_budget(), vec![]);
        unread.note(2, 1, reader(2));
        assert_eq!(unread.over_budget().len(), 1);
    }

    #[test]
    fn strangers_have_a_budget_of_their_own_and_are_told_when_it_is_used_up() {
        let mut unread = Unread::default();
        assert_eq!(unread.note(1, BUDGET_OF_STRANGERS, None), Some(0));
        assert_eq!(unread.note(2, 1, None), None);
        // What is in memory anyway costs nothing more.
        assert_eq!(unread.note(1, BUDGET_OF_STRANGERS, None), Some(0));
        assert_eq!(unread.note(2, 1, reader(1)), Some(1));
        assert_eq!((unread.by_peers, unread.by_strangers), (1, BUDGET_OF_STRANGERS));
        unread.forget(0);
        unread.forget(0);
        assert_eq!((unread.note(3, 1, None), unread.by_strangers), (Some(2), 1));
    }
}
