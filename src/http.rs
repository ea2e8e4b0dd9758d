//! The HTTP routes, on tiny_http: which path takes which method, who may ask, and the answer. One request at a time comes
//! in whole and checked (docs/architecture.md, "the door"); what it means is the registry's business, not this file's.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use crate::counters::Counters;
use crate::quote::shown;
use crate::wire::code::Code;
use crate::wire::reply::{Body, Outcome, Reply};

/// The body of a probe that found all well.
const OK: &[u8] = br#"{"status":"ok"}"#;

/// Gives the health object.
pub type Tell = Box<dyn Fn() -> Reply + Send>;
/// Answers the bytes of one request.
pub type Act = Box<dyn Fn(&[u8]) -> Reply + Send>;

/// What a port serves over HTTP.
pub struct Routes {
    /// The health object, for `/health`.
    pub health: Tell,
    /// The registry's API at `/`, on the port that has it.
    pub api: Option<Act>,
    /// Where that API is, for the texts of refusals.
    pub registry_url: String,
    /// Where requests are counted that can't be answered as asked.
    pub counters: Arc<Counters>,
}

/// A command that asks the registry at `url` for its list.
pub fn example(url: &str) -> String {
    format!("curl -X POST {url} -H \"Content-Type: application/json\" -d '{{\"action\": \"list_agents\"}}'")
}

/// Answers `server`'s requests for ever.
pub fn serve(server: &Server, routes: &Routes) -> ! {
    loop {
        // Once it is an error: tiny_http tells that its listener was shut down, after the last lane (door/lanes.rs).
        if let Ok(request) = server.recv() {
            one(request, routes);
        }
    }
}

fn one(mut request: Request, routes: &Routes) {
    let answered = panic::catch_unwind(AssertUnwindSafe(|| routes.answer(&mut request)));
    let internal = || Answer::failure(Code::Internal, "the registry failed at this request");
    let answer = answered.unwrap_or_else(|_| internal());
    if answer.reply.is_to_bad_request() {
        routes.counters.bad_requests.add();
    }
    if let Err(error) = request.respond(answer.into_response()) {
        log::debug!("an HTTP answer did not reach the door: {error}");
    }
}

struct Answer {
    reply: Reply,
    allow: Option<&'static str>,
}

impl Answer {
    fn failure(code: Code, text: &str) -> Answer {
        Reply::failure(code, text).into()
    }

    fn into_response(self) -> Response<std::io::Cursor<Body>> {
        let status = match self.reply.outcome {
            Outcome::Success => 200,
            Outcome::Failure(code) => code.http().0,
        };
        let length = self.reply.body.len();
        let allow = self.allow.map(|methods| ("Allow", methods));
        let retry = (status == 503).then_some(("Retry-After", "1"));
        let fields = [("Content-Type", "application/json"), ("Server", "service-registry")];
        let headers = fields
            .into_iter()
            .chain(allow)
            .chain(retry)
            .filter_map(|(field, value)| Header::from_bytes(field, value).ok());
        let body = std::io::Cursor::new(self.reply.body);
        // Never chunked: the door reads answers by their length.
        Response::new(StatusCode(status), headers.collect(), body, Some(length), None)
            .with_chunked_threshold(usize::MAX)
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        Answer { reply, allow: None }
    }
}

impl Routes {
    fn answer(&self, request: &mut Request) -> Answer {
        let path = request.url().split('?').next().unwrap_or_default().to_owned();
        if self.api.is_some() && (has(request, "Origin") || has(request, "Sec-Fetch-Site")) {
            let text = "requests from browsers (with an Origin or Sec-Fetch-Site header) are refused on this port; \
                        the health port answers them at /health";
            return Answer::failure(Code::Forbidden, text);
        }
        let get = matches!(request.method(), Method::Get | Method::Head);
        match (path.as_str(), &self.api) {
            ("/health", _) if get => (self.health)().into(),
            ("/readyz", _) if get => self.readiness().into(),
            ("/livez", _) if get => Reply::success(Body::Fixed(OK)).into(),
            ("/health" | "/livez" | "/readyz", _) => {
                not_allowed("GET, HEAD", &format!("{path} takes GET and HEAD, not {}", request.method()))
            }
            ("/", Some(act)) if *request.method() == Method::Post => post(request, act),
            ("/", Some(_)) => not_allowed("POST", &self.only_post(request.method())),
            (_, _) => Answer::failure(Code::NotFound, &self.unknown(&path)),
        }
    }

    /// What /health says, in a word.
    fn readiness(&self) -> Reply {
        match (self.health)().outcome {
            Outcome::Success => Reply::success(Body::Fixed(OK)),
            failure => Reply { outcome: failure, body: Body::Fixed(br#"{"status":"unavailable"}"#) },
        }
    }

    fn only_post(&self, method: &Method) -> String {
        format!("/ takes POST, not {method}: {}", example(&self.registry_url))
    }

    fn unknown(&self, path: &str) -> String {
        let requests =
            if self.api.is_some() { "POST /".into() } else { format!("POST {}", self.registry_url) };
        let path = shown(path);
        format!("Unknown path {path}. Here: GET /health, /livez and /readyz. Requests go to {requests}")
    }
}

fn post(request: &mut Request, act: &Act) -> Answer {
    let content_type = header(request, "Content-Type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let text = match content_type.as_str() {
            "" => "Content-Type is missing; it must be application/json".into(),
            other => format!("Content-Type must be application/json, not \"{}\"", shown(other)),
        };
        return Answer::failure(Code::UnsupportedMediaType, &text);
    }
    let Some(length) = request.body_length() else {
        return Answer::failure(
            Code::LengthRequired,
            "a POST needs a Content-Length and that many bytes of JSON",
        );
    };
    let mut body = Vec::with_capacity(length);
    match request.as_reader().read_to_end(&mut body) {
        Ok(_) => act(&body).into(),
        Err(error) => Answer::failure(Code::Internal, &format!("the body could not be read: {error}")),
    }
}

fn not_allowed(methods: &'static str, text: &str) -> Answer {
    Answer { allow: Some(methods), ..Answer::failure(Code::MethodNotAllowed, text) }
}

fn has(request: &Request, field: &'static str) -> bool {
    request.headers().iter().any(|header| header.field.equiv(field))
}

fn header(request: &Request, field: &'static str) -> Option<String> {
    let found = request.headers().iter().find(|header| header.field.equiv(field))?;
    Some(found.value.as_str().to_owned())
}
