//! Frames: one message of one frame is a request, whatever else comes gets one error, and a DEALER's pipelined requests
//! are answered in their order.

use crate::agent::{Agent, Dealer, shown};
use crate::conversation::{parse, refusal};
use crate::registry::Registry;

const LIST: &[u8] = br#"{"action":"list_agents"}"#;
const NOBODY: &str = r#"{"status":"success","agents":[]}"#;
const REGISTER: &[u8] = br#"{"action":"register_agent","agent_id":"A","host":"h","port":1}"#;

/// Messages of more than one frame.
fn multipart() -> [Vec<&'static [u8]>; 5] {
    [
        vec![REGISTER, REGISTER],
        vec![REGISTER, b""],
        vec![b"", REGISTER],
        vec![REGISTER, b"x", b"", b"{}", REGISTER],
        vec![b""; 5],
    ]
}

#[test]
fn several_frames_from_a_req_socket() {
    let registry = Registry::start();
    let agent = Agent::connect(registry.port());
    for frames in multipart() {
        let reply = agent.ask_frames(&frames);
        refusal(&reply, "invalid_request", &format!("to {frames:?}"));
        assert_eq!(shown(&agent.ask(LIST)), shown(NOBODY.as_bytes()), "after {frames:?}");
    }
}

#[test]
fn several_frames_from_a_dealer_socket() {
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    for frames in multipart() {
        dealer.send(&frames);
        dealer.send(&[LIST]);
        refusal(&dealer.receive(), "invalid_request", &format!("to {frames:?}"));
        assert_eq!(shown(&dealer.receive()), shown(NOBODY.as_bytes()), "after {frames:?}");
    }
}

#[test]
fn a_hundred_pipelined_requests_are_answered_in_order() {
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    for n in 0..100 {
        let name = n / 2;
        let request = match n % 2 {
            0 => format!(r#"{{"action":"register_agent","agent_id":"A{name}","host":"h{name}","port":1}}"#),
            _ => format!(r#"{{"action":"get_agent_endpoint","agent_name":"A{name}"}}"#),
        };
        dealer.send(&[request.as_bytes()]);
    }
    for n in 0..100 {
        let reply = parse(&dealer.receive());
        assert_eq!(reply["status"], "success", "reply {n}: {reply}");
        let due = (n % 2 == 1).then(|| format!("h{}", n / 2));
        assert_eq!(reply["host"].as_str(), due.as_deref(), "reply {n}: {reply}");
    }
}

#[test]
fn a_bad_request_among_pipelined_ones_costs_only_itself() {
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    let requests: [&[&[u8]]; 6] = [&[REGISTER], &[b"{"], &[LIST, LIST], &[b""], &[b"\xff"], &[LIST]];
    for frames in requests {
        dealer.send(frames);
    }
    assert_eq!(shown(&dealer.receive()), shown(br#"{"status":"success"}"#));
    for what in ["cut off", "multipart", "empty", "not UTF-8"] {
        refusal(&dealer.receive(), "invalid_request", what);
    }
    assert_eq!(shown(&dealer.receive()), shown(br#"{"status":"success","agents":["A"]}"#));
}

#[test]
fn many_dealers_at_once_get_their_own_replies() {
    let registry = Registry::start();
    let dealers: Vec<Dealer> = (0..10).map(|_| Dealer::connect(registry.port())).collect();
    for round in 0..20 {
        for (n, dealer) in dealers.iter().enumerate() {
            let request = format!(r#"{{"action":"get_agent_endpoint","agent_name":"D{n}R{round}"}}"#);
            dealer.send(&[request.as_bytes()]);
        }
    }
    for (n, dealer) in dealers.iter().enumerate() {
        for round in 0..20 {
            let text = refusal(&dealer.receive(), "not_found", "pipelined");
            assert_eq!(text, format!("Agent D{n}R{round} not found"));
        }
    }
}

#[test]
fn a_message_without_the_delimiter_costs_nobody_else_anything() {
    let registry = Registry::start();
    let dealer = Dealer::connect(registry.port());
    // libzmq itself drops these: a REP socket has nobody to answer.
    dealer.send_bare(&[REGISTER]);
    dealer.send_bare(&[REGISTER, LIST]);
    dealer.send(&[LIST]);
    assert_eq!(shown(&dealer.receive()), shown(NOBODY.as_bytes()));
    dealer.send(&[REGISTER]);
    assert_eq!(shown(&dealer.receive()), shown(br#"{"status":"success"}"#));
}
