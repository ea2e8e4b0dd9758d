//! The little Markdown that the project's pages use, taken apart: fenced blocks, spans of code, links, headings, tables.
//! Strict where a looser reader would overlook something. Knows no page.

/// A page of Markdown.
pub(super) struct Page {
    /// Its path in the repository.
    pub(super) path: String,
    text: String,
}

/// A fenced block of code.
#[derive(Debug)]
pub(super) struct Block {
    /// The words of its info string: the language, and what else it says.
    pub(super) info: String,
    pub(super) text: String,
    /// Where it begins, as `README.md:17`.
    pub(super) place: String,
}

const FENCE: &str = "```";

impl Page {
    pub(super) fn new(path: &str, text: &str) -> Page {
        Page { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut inside = false;
        for (index, line) in self.text.lines().enumerate() {
            let place = format!("{}:{}", self.path, index + 1);
            assert!(
                line.starts_with(FENCE) || !line.trim_start().starts_with(FENCE),
                "{place}: an indented fence"
            );
            match line.strip_prefix(FENCE) {
                Some(info) if !inside => {
                    blocks.push(Block { info: info.trim().to_owned(), text: String::new(), place });
                    inside = true;
                }
                Some(info) => {
                    assert_eq!(info, "", "{place}: a block inside another");
                    inside = false;
                }
                None if inside => blocks.last_mut().unwrap().text.push_str(&format!("{line}\n")),
                None => {}
            }
        }
        assert!(!inside, "{}: a block without an end", self.path);
        blocks
    }

    /// The only block with this info string.
    pub(super) fn block(&self, info: &str) -> Block {
        let mut found: Vec<Block> = self.blocks().into_iter().filter(|block| block.info == info).collect();
        assert_eq!(found.len(), 1, "{}: one block of \"{info}\"", self.path);
        found.remove(0)
    }

    /// Everything outside fenced blocks.
    fn prose(&self) -> String {
        let mut inside = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            if line.starts_with(FENCE) {
                inside = !inside;
            } else if !inside {
                prose.push_str(&format!("{line}\n"));
            }
        }
        prose
    }

    /// Whether these words stand in the prose, in one line or in two.
    pub(super) fn says(&self, words: &str) -> bool {
        self.prose().replace('\n', " ").contains(words)
    }

    /// What stands between backticks in the prose.
    pub(super) fn spans(&self) -> Vec<String> {
        self.odd_and_even().0
    }

    /// The targets of links.
    pub(super) fn links(&self) -> Vec<String> {
        let text = self.odd_and_even().1.concat();
        let targets = text.split("](").skip(1);
        let target = |rest: &str| {
            rest.split_once(')')
                .unwrap_or_else(|| panic!("{}: a link without an end: {rest}", self.path))
                .0
                .to_owned()
        };
        targets.map(target).collect()
    }

    /// Spans of code, and the prose around them.
    fn odd_and_even(&self) -> (Vec<String>, Vec<String>) {
        let prose = self.prose();
        let parts: Vec<&str> = prose.split('`').collect();
        assert!(!parts.len().is_multiple_of(2), "{}: an odd number of backticks", self.path);
        let every_second =
            |first: usize| parts.iter().skip(first).step_by(2).map(|part| (*part).to_owned()).collect();
        (every_second(1), every_second(0))
    }

    /// The anchors that headings make: lower case, white space as hyphens, no punctuation.
    pub(super) fn anchors(&self) -> Vec<String> {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor = |heading: &str| heading.trim().to_lowercase().chars().filter(kept).collect::<String>();
        self.headings().iter().map(|heading| anchor(heading).replace(' ', "-")).collect()
    }

    pub(super) fn headings(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| line.trim_start_matches('#').trim().to_owned()).collect()
    }

    /// What stands below this heading, to the next one of any level.
    pub(super) fn chapter(&self, heading: &str) -> Page {
        let lines = self.text.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
        let below: Vec<&str> = lines.skip(1).take_while(|line| !line.starts_with('#')).collect();
        assert!(!below.is_empty(), "{}: nothing below {heading}", self.path);
        Page::new(&self.path, &below.join("\n"))
    }

    /// The items of lists, each in one line.
    pub(super) fn items(&self) -> Vec<String> {
        let mut items: Vec<String> = Vec::new();
        for line in self.prose().lines() {
            match (line.strip_prefix("- "), line.strip_prefix("  "), items.last_mut()) {
                (Some(item), _, _) => items.push(item.to_owned()),
                (None, Some(rest), Some(item)) => item.push_str(&format!(" {rest}")),
                _ => {}
            }
        }
        items
    }

    /// The rows of tables, without their heads; cells as they are.
    pub(super) fn table(&self) -> Vec<Vec<String>> {
        let prose = self.prose();
        let mut lines = prose.lines().peekable();
        let mut rows = Vec::new();
        while let Some(line) = lines.next() {
            let is_head = lines.peek().is_some_and(|next| next.starts_with("|---"));
            if line.starts_with("| ") && !is_head {
                rows.push(line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect());
            }
        }
        rows
    }

    /// The rows of tables whose first cell is a span of code; spans without their backticks.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let prose = self.prose();
        let rows = prose.lines().filter(|line| line.starts_with("| `"));
        let cells = |line: &str| line.trim_matches('|').split('|').map(unquoted).collect();
        rows.map(cells).collect()
    }
}

fn unquoted(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}
