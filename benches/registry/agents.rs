//! The agents of the benchmark and the requests about them: every name, request and record has the same size,
//! so that every reply has. Pure: it never knows who is asked.

/// The figures are stated for this number.
pub(crate) const AGENTS: u32 = 100_000;

/// The record of an agent, as compact JSON with its time stamp.
pub(crate) const RECORD_BYTES: usize = 220;

/// Asks for every name.
pub(crate) const LIST: &str = r#"{"action":"list_agents"}"#;

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
    agents: u32,
    random: Xorshift,
    filler: String,
    filled: u32,
}

impl Requests {
    /// About so many agents, a million at most: their numbers have six digits.
    pub(crate) fn new(question: Question, agents: u32, seed: u64) -> Self {
        Self { question, agents, random: Xorshift(seed | 1), filler: filler(), filled: 0 }
    }

    /// The next body; none when all that was to be asked is asked.
    pub(crate) fn next_body(&mut self) -> Option<String> {
        match self.question {
            Question::Lookup => Some(lookup(self.random.below(self.agents))),
            Question::Register => {
                let (name, port) = self.mover();
                Some(registration(&name, port, &self.filler))
            }
            Question::Fill => {
                let agent = self.filled;
                self.filled += 1;
                (agent < self.agents).then(|| registration(&name(agent), 50_000, &self.filler))
            }
        }
    }

    /// The name of an agent picked at random.
    pub(crate) fn next_name(&mut self) -> String {
        name(self.random.below(self.agents))
    }

    /// The same, and the record that it leaves when it registers at another port.
    pub(crate) fn next_record(&mut self) -> (String, String) {
        let (name, port) = self.mover();
        (name, record_at(port, &self.filler))
    }

    fn mover(&mut self) -> (String, u32) {
        (self.next_name(), 10_000 + self.random.below(50_000))
    }
}

fn name(agent: u32) -> String {
    format!("agent-{agent:06}")
}

/// A name that nobody has, and its registration. One after the other they are spread over all names in order.
pub(crate) fn newcomer(number: u32) -> (String, String) {
    const STRIDE: u32 = 7919; // a prime
    let name = format!("{}-{number}", name(number.wrapping_mul(STRIDE) % AGENTS));
    let registration = registration(&name, 50_000, &filler());
    (name, registration)
}

fn registration(name: &str, port: u32, filler: &str) -> String {
    format!(r#"{{"action":"register_agent","agent_id":"{name}",{}}}"#, endpoint(port, filler))
}

/// One lookup by an agent's number.
pub(crate) fn lookup(agent: u32) -> String {
    format!(r#"{{"action":"get_agent_endpoint","agent_name":"{}"}}"#, name(agent))
}

/// An agent's name, and its record as a registry would keep it.
pub(crate) fn record(agent: u32) -> (String, String) {
    (name(agent), record_at(50_000, &filler()))
}

fn record_at(port: u32, filler: &str) -> String {
    format!(r#"{{{},"last_registered":"2026-01-01T00:00:00.000Z"}}"#, endpoint(port, filler))
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
    "z".repeat(RECORD_BYTES - record_at(50_000, "").len())
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
