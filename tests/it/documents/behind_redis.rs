//! What pages show of a registry behind Redis: two instances as a reader starts them, what Redis then holds, and a Redis that
//! goes, refuses, is full and is a replica, with the very lines that the log has then.

use std::path::PathBuf;

use serde_json::Value;

use crate::curl;
use crate::redis::server::{RedisServer, Setup};
use crate::registry::{Registry, Start};

use super::markup::Block;
use super::page::{is_about_redis, session};
use super::pages;
use super::terminal::{Terminal, masked, without_number_after};

const PAGE: &str = "docs/operations.md";
const PROTOCOL: &str = "docs/protocol.md";

/// Where Redis is on the pages.
const SHOWN: &str = "redis://localhost:6379/0";

/// What stops it there.
const STOP: &str = "sudo systemctl stop redis-server";

const TRANSLATOR: &str =
    r#"{"action":"register_agent","agent_id":"Translator","host":"localhost","port":5000}"#;

/// Redis took longer to answer than it may: the machine is busy, and the log shows that and not what it was to show.
struct Disturbed;

type Shown = Result<(), Disturbed>;

/// Does it until nothing disturbs it.
fn undisturbed(scene: impl Fn() -> Shown) {
    const TRIES: usize = 10;
    let shown = (0..TRIES).any(|_| scene().is_ok());
    assert!(shown, "Redis took too long to answer in each of {TRIES} tries");
}

/// Instances behind one Redis.
struct Scene {
    server: RedisServer,
    terminals: Vec<Terminal>,
}

impl Scene {
    /// One instance on the default ports, with further arguments.
    fn of_one(server: RedisServer, args: &[&str]) -> Scene {
        let start = Start::new().args(["--backend", "redis", "--redis-url", &server.url()]).args(args);
        Scene { terminals: vec![Terminal::beside(start.spawn())], server }
    }

    fn registry(&self) -> &Registry {
        &self.terminals[0].registry
    }

    /// What the first instance answers to this.
    fn post(&self, request: &str) -> Value {
        curl::post(self.registry().port(), request).json()
    }

    fn wait_for_health(&self, words: &str) {
        for Terminal { registry, .. } in &self.terminals {
            registry
                .wait_until(words, || curl::get(registry.health_port(), "/health").text().contains(words));
        }
    }

    fn wait_for_log(&self, words: &str) {
        self.registry().wait_for_log(|line| line.contains(words));
    }

    fn is_disturbed(&self) -> bool {
        self.terminals.iter().any(|one| one.registry.log().contains("no answer within"))
    }

    /// Types what the block has, each at the terminal of the instance whose port it names, and reads what it shows.
    fn reads(&mut self, block: &Block) -> Shown {
        for (command, shown) in session(block) {
            if command == STOP {
                // Who types has been slower than what Redis tells.
                self.wait_for_health(r#""agents":1"#);
                self.server.terminate();
                self.wait_for_health("connection refused");
                continue;
            }
            let url = self.server.url();
            let meant = self.terminals.iter_mut().find(|one| one.with_live_ports(&command) != command);
            let terminal = meant.unwrap_or_else(|| panic!("{}: whose port is in {command}?", block.place));
            let ran = terminal.run(&command);
            if self.is_disturbed() {
                return Err(Disturbed);
            }
            let printed = same(&ran.stdout.replace(&url, SHOWN));
            assert_eq!(printed.trim_end(), same(&shown).trim_end(), "{}: {command}\n{ran:?}", block.place);
        }
        Ok(())
    }

    /// All that the first instance has logged of Redis is what the block shows.
    fn has_told(&self, block: &Block) -> Shown {
        if self.is_disturbed() {
            return Err(Disturbed);
        }
        let words = ["redis://", "Redis key ", "--max-bytes"];
        let told = self
            .registry()
            .log_lines(|line| !line.contains(" backend at ") && words.iter().any(|word| line.contains(word)));
        let told: String = told.iter().map(|line| format!("{line}\n")).collect();
        let told = same(&told.replace(&self.server.url(), SHOWN));
        assert_eq!(told, same(&block.text), "{}\n{}", block.place, self.registry().evidence());
        Ok(())
    }

    fn register(&self) -> Shown {
        let reply = self.post(TRANSLATOR);
        if self.is_disturbed() {
            return Err(Disturbed);
        }
        assert_eq!(reply["status"], "success", "{}", self.registry().evidence());
        self.wait_for_health(r#""agents":1"#);
        Ok(())
    }
}

/// `text` without what changes from run to run.
fn same(text: &str) -> String {
    ["out of reach for ", "is back after "]
        .iter()
        .fold(masked(text), |text, before| without_number_after(before, &text))
}

/// The blocks of operations.md with this name.
fn blocks(name: &str) -> [Block; 2] {
    let page = pages::read(PAGE);
    [page.block(&format!("console redis {name}")), page.block(&format!("text redis {name}"))]
}

/// A Redis that has what it had when it is started again.
fn keeping() -> RedisServer {
    Setup::new().line("appendonly yes").line("appendfsync always").start()
}

/// An instance as the page starts it, but for its ports and for where Redis is.
fn as_started_by(command: &str, server: &RedisServer) -> Terminal {
    let words: Vec<&str> = command.split_whitespace().collect();
    let ["service-registry", args @ ..] = &words[..] else { panic!("not an instance: {command}") };
    let value = |flag: &str| args.iter().position(|arg| *arg == flag).map(|at| args[at + 1]);
    let shown = [value("--port").unwrap_or("7100"), value("--health-port").unwrap_or("8100")];
    let free = args.iter().map(|arg| if shown.contains(arg) { "0" } else { arg });
    let start = Start::new().args(free).args(["--redis-url", &server.url()]);
    Terminal::beside_one_on(start.spawn(), shown)
}

#[test]
fn two_instances_started_by_hand_do_what_readme_shows() {
    undisturbed(|| {
        let page = pages::read("README.md");
        let server = RedisServer::start();
        let started = page.block("sh redis").text;
        let terminals: Vec<Terminal> = started.lines().map(|line| as_started_by(line, &server)).collect();
        assert_eq!(terminals.len(), 2, "{started}");
        let mut scene = Scene { server, terminals };
        scene.wait_for_health("is healthy");
        scene.reads(&page.block("console redis"))
    });
}

#[test]
fn a_redis_that_is_gone_is_told_as_the_page_shows() {
    undisturbed(|| {
        let [console, text] = blocks("gone");
        let mut scene = Scene::of_one(keeping(), &[]);
        scene.wait_for_health("is healthy");
        scene.register()?;
        scene.server.kill();
        scene.wait_for_log("still out of reach");
        scene.reads(&console)?;
        scene.wait_for_log("are refused");
        scene.server.start_again();
        scene.wait_for_log("is back after");
        scene.has_told(&text)
    });
}

#[test]
fn a_password_that_is_refused_is_told_as_the_page_shows() {
    undisturbed(|| {
        let [console, text] = blocks("password");
        let server = Setup::new().password("right-one").start();
        let file: PathBuf = server.folder().write("password", "wrong-one\n");
        let mut scene = Scene::of_one(server, &["--redis-password-file", file.to_str().unwrap()]);
        scene.wait_for_log("password");
        scene.reads(&console)?;
        scene.server.folder().write("password", "right-one\n");
        scene.wait_for_log("is back after");
        scene.has_told(&text)
    });
}

#[test]
fn a_full_redis_is_told_as_the_page_shows() {
    undisturbed(|| {
        let [console, text] = blocks("full");
        let mut scene = Scene::of_one(RedisServer::start(), &[]);
        scene.wait_for_health("is healthy");
        scene.server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
        scene.reads(&console)?;
        scene.has_told(&text)?;
        scene.server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        scene.register()?;
        scene.wait_for_health("is healthy");
        Ok(())
    });
}

#[test]
fn too_few_replicas_are_told_as_the_page_shows() {
    undisturbed(|| {
        let [console, text] = blocks("replicas");
        let mut scene = Scene::of_one(RedisServer::start(), &["--redis-min-replicas", "1"]);
        scene.wait_for_health("takes nothing that is written");
        scene.reads(&console)?;
        scene.has_told(&text)?;
        let _replica = Setup::new().replica_of(&scene.server).start();
        scene.wait_for_health("is healthy");
        // On a busy machine a replica may need more than a write waits.
        scene.registry().wait_until("it is registered", || scene.post(TRANSLATOR)["status"] == "success");
        Ok(())
    });
}

#[test]
fn a_replica_is_told_as_the_page_shows() {
    undisturbed(|| {
        let [console, text] = blocks("replica");
        let mut scene = Scene::of_one(RedisServer::start(), &[]);
        scene.wait_for_health("is healthy");
        scene.register()?;
        let mut elsewhere = RedisServer::start();
        elsewhere.kill();
        let [host, port] = [elsewhere.address().ip().to_string(), elsewhere.port().to_string()];
        scene.server.command(&["REPLICAOF", &host, &port]);
        // Noticed while nobody asks, so that who asks is told second.
        scene.wait_for_log("a replica");
        assert_eq!(scene.post(TRANSLATOR)["code"], "unavailable", "{}", scene.registry().evidence());
        scene.reads(&console)?;
        scene.server.command(&["REPLICAOF", "NO", "ONE"]);
        scene.wait_for_log("is back after");
        scene.has_told(&text)
    });
}

#[test]
fn what_else_is_told_of_redis_is_told_as_the_page_shows() {
    undisturbed(|| {
        let server =
            Setup::new().line("user registry on >p ~service_registry:* +@all -client|tracking").start();
        let url = server.url_with("registry:p@", 0);
        let start = Start::new().args(["--backend", "redis", "--redis-url", &url, "--max-bytes", "1KiB"]);
        let scene = Scene { terminals: vec![Terminal::beside(start.spawn())], server };
        scene.wait_for_log("0 records");
        scene.server.set("service_registry:Broken", "no JSON");
        let list = r#"{"action":"list_agents"}"#;
        scene.registry().wait_until("none is listed", || scene.post(list)["agents"] == serde_json::json!([]));
        scene.wait_for_log("Broken");
        for n in 0..9 {
            scene.server.set(format!("service_registry:Other{n}"), r#"{"host":"localhost","port":1}"#);
        }
        scene.registry().wait_until("all are listed", || {
            scene.post(list)["agents"].as_array().is_some_and(|agents| agents.len() == 9)
        });
        scene.has_told(&pages::read(PAGE).block("text redis others"))
    });
}

#[test]
fn who_has_never_reached_redis_says_what_the_page_shows() {
    undisturbed(|| {
        let mut server = RedisServer::start();
        server.kill();
        let mut scene = Scene::of_one(server, &[]);
        scene.wait_for_health("connection refused");
        scene.reads(&pages::read(PROTOCOL).block("console redis unready"))
    });
}

#[test]
fn redis_holds_what_the_page_shows() {
    undisturbed(|| {
        let page = pages::read(PROTOCOL);
        let scene = Scene::of_one(RedisServer::start(), &[]);
        scene.wait_for_health("is healthy");
        let blocks = page.blocks();
        let request = blocks.iter().find(|block| block.text.contains(r#""feature2""#)).unwrap();
        assert_eq!(scene.post(&request.text)["status"], "success", "{}", scene.registry().evidence());
        let shown = page.block("text redis value");
        let (key, value) = shown.text.split_once('\n').unwrap();
        let held = scene.server.get(key).unwrap_or_else(|| panic!("{}: no {key}", shown.place));
        assert_eq!(masked(&String::from_utf8(held).unwrap()), masked(value.trim_end()), "{}", shown.place);
        Ok(())
    });
}

#[test]
fn no_block_about_redis_is_left_out() {
    let of_operations = ["gone", "password", "full", "replicas", "replica"];
    let mut tried: Vec<String> = of_operations
        .iter()
        .flat_map(|name| ["console", "text"].map(|kind| format!("{PAGE}: {kind} redis {name}")))
        .collect();
    tried.push(format!("{PAGE}: text redis others"));
    tried.extend(["README.md: sh redis", "README.md: console redis"].map(str::to_owned));
    tried.extend(["console redis unready", "text redis value"].map(|info| format!("{PROTOCOL}: {info}")));
    let mut there: Vec<String> = Vec::new();
    for page in pages::all() {
        let blocks = page.blocks().into_iter().filter(|block| is_about_redis(&block.info));
        there.extend(blocks.map(|block| format!("{}: {}", page.path, block.info)));
    }
    tried.sort();
    there.sort();
    assert_eq!(there, tried);
}
