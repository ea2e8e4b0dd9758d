//! Figures as a table in Markdown, and whether they are what they must be. Pure: it never measures.

use std::fmt;

pub(crate) const MIB: f64 = 1024.0 * 1024.0;

/// One figure. Cells that have nothing to say hold a dash.
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) registry: String,
    /// What it is held against, by name, and its figures.
    pub(crate) compared_with: String,
    pub(crate) ratio: Option<Spread>,
    pub(crate) null: Option<Spread>,
    pub(crate) must_be: String,
    pub(crate) is_met: bool,
}

/// The median of some rounds, and how far they lie apart.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Self { median, min: values[0], max: values[values.len() - 1] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} ({:.2}–{:.2})", self.median, self.min, self.max)
    }
}

const HEAD: [&str; 7] = ["work", "registry", "compared with", "ratio", "null", "must be", "met"];

/// The whole table.
pub(crate) fn render(rows: &[Row]) -> String {
    markdown(&HEAD, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// The last line: the figures that are not met, by name.
pub(crate) fn verdict(rows: &[Row]) -> String {
    let missed: Vec<&str> = rows.iter().filter(|row| !row.is_met).map(|row| row.work.as_str()).collect();
    match missed.as_slice() {
        [] => "All figures are met.".to_owned(),
        missed => format!("NOT MET: {}", missed.join("; ")),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let ratio = |spread: Option<Spread>| spread.map_or("–".to_owned(), |spread| spread.to_string());
    let met = match (row.must_be.as_str(), row.is_met) {
        ("–", _) => "–",
        (_, true) => "yes",
        (_, false) => "**no**",
    };
    let (work, registry, compared_with) = (row.work.clone(), row.registry.clone(), row.compared_with.clone());
    vec![
        work,
        registry,
        compared_with,
        ratio(row.ratio),
        ratio(row.null),
        row.must_be.clone(),
        met.to_owned(),
    ]
}

/// Any table.
pub(crate) fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let mut lines = vec![line(&head), "|---".repeat(head.len()) + "|"];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

/// A number of bytes for people.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.2} MiB", bytes / MIB)
}

/// A whole number with a comma before each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
