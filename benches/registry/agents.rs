//! The agents of the benchmark and the requests about them: every name, request and record has the same size,
//! so that every reply has. Pure: it never knows who is asked.

/// The figures are stated for this number.
pub(crate) const AGENTS: u32 = 100_000;

/// The record of an agent, as compact JSON with its time stamp.
pub(crate) const RECORD_BYTES: usize = 220;

/// The reply to a registration.
pub(crate) const PLAIN_SUCCESS: &str = r#"{"status":"success"}"#;

/// What a load generator asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// The endpoint of an agent picked at random.
    Lookup,
    /// An agent picked at random registers at another port than before.
    Register,
    /// Every agent registers once, in order.
    Fill,
}

impl Question {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Register => "register",
            Self::Fill => "fill",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Lookup, Self::Register, Self::Fill].into_iter().find(|question| question.name() == name)
    }
}

/// The bodies of requests, one after the other.
pub(crate) struct Requests {
    question: Question,
    random: Xorshift,
    filler: String,
    filled: u32,
}

impl Requests {
    pub(crate) fn new(question: Question, seed: u64) -> Self {
        Self { question, random: Xorshift(seed | 1), filler: filler(), filled: 0 }
    }

    /// The next body; none when all that was to be asked is asked.
    pub(crate) fn next_body(&mut self) -> Option<String> {
        match self.question {
            Question::Lookup => Some(lookup(self.random.below(AGENTS))),
            Question::Register => {
                let (agent, port) = (self.random.below(AGENTS), 10_000 + self.random.below(50_000));
                Some(self.registration(agent, port))
            }
            Question::Fill => {
                let agent = self.filled;
                self.filled += 1;
                (agent < AGENTS).then(|| self.registration(agent, 50_000))
            }
        }
    }

    fn registration(&self, agent: u32, port: u32) -> String {
        format!(
            r#"{{"action":"register_agent","agent_id":"agent-{agent:06}",{}}}"#,
            endpoint(port, &self.filler)
        )
    }
}

/// One lookup by an agent's number.
pub(crate) fn lookup(agent: u32) -> String {
    format!(r#"{{"action":"get_agent_endpoint","agent_name":"agent-{agent:06}"}}"#)
}

/// The members that a registration and a record share.
fn endpoint(port: u32, filler: &str) -> String {
    format!(
        concat!(
            r#""host":"10.20.30.40","port":{},"health_check_port":60001,"agent_type":"service","#,
            r#""capabilities":["translation"],"metadata":{{"version":"1.0.0","zone":"{}"}}"#
        ),
        port, filler
    )
}

/// What brings a record to `RECORD_BYTES`.
fn filler() -> String {
    let record = format!(r#"{{{},"last_registered":"2026-01-01T00:00:00.000Z"}}"#, endpoint(50_000, ""));
    "z".repeat(RECORD_BYTES - record.len())
}

/// Marsaglia's generator: cheap, and good enough to defeat caches.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * u128::from(limit)) >> 64) as u32
    }
}
