//! Answers on their way to HTTP clients. A large body that several clients wait for is in memory once, and there is an end
//! to what clients may leave unread. Knows bytes; never who reads them.

use std::sync::{Arc, Weak};

/// From how many bytes on an answer's body is shared with others that hold the same.
const LARGE: usize = 64 * 1024;
/// The most that large bodies may take while clients are slow to read them, in bytes, or [`LARGEST`] times the largest one,
/// where that is more.
const BUDGET: usize = 64 * 1024 * 1024;
/// So many different ones of the largest body are no fault of their readers: large lists take their time.
const LARGEST: usize = 4;

/// One answer: a head of its own, and a body.
pub(super) struct Answer {
    head: Vec<u8>,
    /// None where the body is behind the head, in the same piece of memory.
    body: Option<Arc<Body>>,
}

/// A large answer as it came; the body is its end.
struct Body {
    bytes: Vec<u8>,
    start: usize,
}

impl Body {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl Answer {
    /// An answer that is small enough to be everybody's own.
    pub(super) fn small(bytes: Vec<u8>) -> Answer {
        Answer { head: bytes, body: None }
    }

    /// What is left when `sent` bytes are gone: never empty before the end.
    pub(super) fn rest(&self, sent: usize) -> &[u8] {
        match (self.head.get(sent..).filter(|rest| !rest.is_empty()), &self.body) {
            (Some(rest), _) => rest,
            (None, Some(body)) => body.bytes().get(sent - self.head.len()..).unwrap_or_default(),
            (None, None) => &[],
        }
    }

    /// Adds `Connection: close` behind the status line.
    pub(super) fn close_after(&mut self) {
        if let Some(end) = self.head.windows(2).position(|bytes| bytes == b"\r\n") {
            self.head.splice(end + 2..end + 2, *b"Connection: close\r\n");
        }
    }

    /// Whether it shares its body with others.
    pub(super) fn is_large(&self) -> bool {
        self.body.is_some()
    }
}

/// The large bodies that somebody still reads.
#[derive(Default)]
pub(super) struct Answers {
    read: Vec<Weak<Body>>,
}

impl Answers {
    /// Takes in an HTTP answer as it came from the server.
    pub(super) fn take_in(&mut self, answer: Vec<u8>) -> Answer {
        let start =
            answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        if answer.len() - start < LARGE {
            return Answer::small(answer);
        }
        let head = answer[..start].to_vec();
        let same = |body: &Arc<Body>| body.bytes() == &answer[start..];
        // Newest first: an unchanged list is the last one's.
        let known = self.read.iter().rev().filter_map(Weak::upgrade).find(same);
        let body = known.unwrap_or_else(|| {
            let body = Arc::new(Body { bytes: answer, start });
            self.read.push(Arc::downgrade(&body));
            body
        });
        Answer { head, body: Some(body) }
    }

    /// Whether clients leave too much unread.
    pub(super) fn are_over_budget(&mut self) -> bool {
        self.read.retain(|body| body.strong_count() > 0);
        let sizes = || self.read.iter().filter_map(Weak::upgrade).map(|body| body.bytes.len());
        sizes().sum::<usize>() > BUDGET.max(LARGEST * sizes().max().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: u8, length: usize) -> Vec<u8> {
        [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![body; length]].concat()
    }

    fn whole(answer: &Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !answer.rest(bytes.len()).is_empty() {
            let next = answer.rest(bytes.len());
            bytes.extend_from_slice(&next[..next.len().min(10_000)]);
        }
        bytes
    }

    #[test]
    fn a_large_body_is_kept_once() {
        let mut answers = Answers::default();
        let (first, second) = (answers.take_in(answer(1, LARGE)), answers.take_in(answer(1, LARGE)));
        assert_eq!((whole(&first), whole(&second)), (answer(1, LARGE), answer(1, LARGE)));
        assert!(first.is_large() && answers.read.len() == 1);
        let other = answers.take_in(answer(2, LARGE));
        assert_eq!((whole(&other), answers.read.len()), (answer(2, LARGE), 2));
    }

    #[test]
    fn four_of_the_largest_bodies_are_no_fault() {
        let mut answers = Answers::default();
        let held = [1, 2, 3].map(|body| answers.take_in(answer(body, BUDGET / 2)));
        assert!(held.iter().all(Answer::is_large) && !answers.are_over_budget());
    }

    #[test]
    fn a_small_answer_stays_as_it_came() {
        let mut answers = Answers::default();
        let small = answers.take_in(answer(1, LARGE - 1));
        assert_eq!((whole(&small), small.is_large()), (answer(1, LARGE - 1), false));
        assert!(whole(&Answer::small(Vec::new())).is_empty());
    }

    #[test]
    fn bodies_that_nobody_reads_any_more_count_no_longer() {
        let mut answers = Answers::default();
        let mut held: Vec<_> = (1..=6).map(|body| answers.take_in(answer(body, BUDGET / 6))).collect();
        assert!(answers.are_over_budget());
        held.truncate(5);
        assert!(!answers.are_over_budget());
        drop(held);
        assert!(!answers.are_over_budget() && answers.read.is_empty());
    }
}
