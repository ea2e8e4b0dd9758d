//! What packages ship beside the binary knows the same settings as `--help`: the manual pages, the completions and the file of
//! variables.

use std::collections::BTreeSet;
use std::fs;

use super::pages::in_repository;
use super::settings::{Setting, flags_of, help, of_help};

fn read(path: &str) -> String {
    let path = in_repository(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Roff as a reader sees it: without escapes and macros.
fn plain(roff: &str) -> Vec<String> {
    roff.lines().map(|line| line.replace("\\-", "-").replace("\\e", "\\")).collect()
}

/// The settings of a manual page: the words below `.TP`, and what is said to be their default.
fn tagged(roff: &str) -> Vec<(String, Option<String>)> {
    let lines = plain(roff);
    let mut tagged = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| *at > 0 && lines[at - 1] == ".TP") {
        let rest = lines[at + 1..].iter().take_while(|line| *line != ".TP" && !line.starts_with(".S"));
        let text = rest.cloned().collect::<Vec<_>>().join(" ");
        let default = text.split_once("Default: ").map(|(_, rest)| {
            let end = rest.find([' ', ',']).unwrap_or(rest.len());
            rest[..end].trim_end_matches('.').to_owned()
        });
        let tag = line.split_once(' ').map_or(line.as_str(), |(_, tag)| tag);
        tagged.push((tag.to_owned(), default));
    }
    tagged
}

#[test]
fn the_manual_of_the_command_has_every_flag_and_default() {
    let help = help();
    let page = read("packaging/man/service-registry.8");
    let flags: BTreeSet<String> = plain(&page)
        .iter()
        .flat_map(|line| line.split([' ', '"', ',']).map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| word.starts_with("--") || word == "-h" || word == "-V")
        .collect();
    assert_eq!(flags, flags_of(&help));
    let mut defaults = BTreeSet::new();
    for (tag, default) in tagged(&page).into_iter().filter(|(_, default)| default.is_some()) {
        defaults
            .insert((tag.split_whitespace().next().unwrap().trim_matches('"').to_owned(), default.unwrap()));
    }
    let told = of_help(&help).into_iter().map(|Setting { flag, default, .. }| (flag, default));
    assert_eq!(defaults, told.collect());
}

#[test]
fn the_manual_of_the_variables_has_every_one_and_its_default() {
    let page = read("packaging/man/service-registry.env.5");
    let told: BTreeSet<_> = of_help(&help())
        .into_iter()
        .map(|Setting { variable, default, .. }| (variable, Some(default)))
        .collect();
    assert_eq!(tagged(&page).into_iter().collect::<BTreeSet<_>>(), told);
}

#[test]
fn completions_know_every_flag() {
    let told = flags_of(&help());
    let words = |path: &str| -> BTreeSet<String> {
        let text = read(path);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        words.filter(|word| word.starts_with('-')).map(str::to_owned).collect()
    };
    let bash = words("packaging/completions/service-registry.bash");
    assert!(told.is_subset(&bash), "{:?}", told.difference(&bash));
    let zsh = words("packaging/completions/service-registry.zsh");
    assert!(told.is_subset(&zsh), "{:?}", told.difference(&zsh));
    let fish = read("packaging/completions/service-registry.fish");
    let of_fish = fish.lines().filter_map(|line| line.strip_prefix("complete -c service-registry "));
    let fish: BTreeSet<String> = of_fish
        .flat_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let named = words.windows(2).filter(|two| two[0] == "-l" || two[0] == "-s");
            named
                .map(|two| if two[0] == "-l" { format!("--{}", two[1]) } else { format!("-{}", two[1]) })
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(fish, told);
    for (path, known) in [("bash", &bash), ("zsh", &zsh)] {
        let unknown: Vec<_> = known
            .iter()
            .filter(|word| word.starts_with("--") && word.len() > 2 && !told.contains(*word))
            .collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
}

#[test]
fn the_file_of_variables_shows_each_with_its_default() {
    let file = read("packaging/service-registry.default");
    let lines = file
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|rest| rest.starts_with("SERVICE_REGISTRY_")));
    let shown: BTreeSet<(String, String)> = lines
        .map(|line| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let told = of_help(&help()).into_iter().map(|setting| match setting.variable.as_str() {
        // The line that is set shows what packages have; the commented one opens it to the network.
        "SERVICE_REGISTRY_BIND" => (setting.variable, "127.0.0.1,::1,192.0.2.10".to_owned()),
        // The unit sets it.
        "SERVICE_REGISTRY_STATE_FILE" => (setting.variable, "/var/lib/service-registry/state".to_owned()),
        _ => (setting.variable, setting.default),
    });
    assert_eq!(shown, told.collect());
    let set: Vec<&str> = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(set, ["SERVICE_REGISTRY_BIND=127.0.0.1,::1"]);
    assert!(file.contains("THERE IS NO AUTHENTICATION YET"));
}
