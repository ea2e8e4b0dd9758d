//! The target of a state file: whatever is in it, it is read to an end that is told, or refused by the number of a line; and what
//! was read, written as the registry writes it, is read as the same.

use std::collections::BTreeMap;

use crate::contract;
use crate::runs;
use crate::state::line;
use crate::state::reading::{self, Extent, Unreadable};
use crate::wire::registration::Kept;

/// Who is registered at the end, and how.
type Agents = BTreeMap<Vec<u8>, Vec<u8>>;

/// Tries one file.
pub fn target(input: &[u8]) {
    let file = runs::expand(input);
    match read(&file) {
        Ok((extent, agents)) => {
            assert_eq!(extent.good + extent.torn, file.len() as u64);
            let good = &file[..extent.good as usize];
            assert!(good.is_empty() || good.ends_with(b"\n"));
            assert_eq!(read(good), Ok((Extent { torn: 0, ..extent }, agents.clone())));
            check_again(&agents);
        }
        Err((line, what)) => {
            let lines = file.iter().filter(|&&byte| byte == b'\n').count() as u64;
            assert!((1..=lines + 1).contains(&line), "line {line} of {lines}");
            assert!(
                !what.is_empty() && what.chars().count() < 400 && !what.contains(char::is_control),
                "{what:?}"
            );
        }
    }
}

fn read(file: &[u8]) -> Result<(Extent, Agents), (u64, String)> {
    let mut agents = Agents::new();
    let read = reading::read(file, |kept| match kept {
        Kept::Registered(record) => {
            let json = [b"{", record.members()].concat();
            let name = String::from_utf8(record.name().to_vec()).expect("a name is UTF-8");
            assert!(contract::stored(&name, &json).is_some(), "{name}");
            agents.insert(record.name().to_vec(), json);
        }
        Kept::Deregistered(name) => drop(agents.remove(name.as_bytes())),
    });
    match read {
        Ok(extent) => Ok((extent, agents)),
        Err(Unreadable::Damage(line, what)) => Err((line, what)),
        Err(Unreadable::Io(error)) => panic!("a slice can be read: {error}"),
    }
}

fn check_again(agents: &Agents) {
    let mut file = line::HEADER.to_vec();
    for (name, json) in agents {
        let name = std::str::from_utf8(name).expect("a name is UTF-8");
        let record = crate::wire::registration::stored(name, json).expect("a record");
        line::registered(&mut file, &record);
        line::deregistered(&mut file, name);
        line::registered(&mut file, &record);
    }
    let (extent, again) = read(&file).expect("what was written can be read");
    assert_eq!((extent.torn, extent.lines, &again), (0, 3 * agents.len() as u64, agents));
}
