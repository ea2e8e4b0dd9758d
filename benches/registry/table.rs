//! Figures as a table in Markdown, and whether they are what they must be. Pure: it never measures.

use std::fmt;

/// One figure. Cells that have nothing to say hold a dash.
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) registry: String,
    pub(crate) echo: String,
    pub(crate) ratio: Option<Spread>,
    pub(crate) null: Option<Spread>,
    pub(crate) must_be: String,
    /// None where nothing is demanded.
    pub(crate) met: Option<bool>,
}

/// The median of some rounds, and how far they lie apart.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    min: f64,
    max: f64,
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

const HEAD: [&str; 7] = ["work", "registry", "bare echo", "ratio", "null", "must be", "met"];

/// The whole table.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut lines = vec![line(&HEAD.map(String::from)), "|---".repeat(HEAD.len()) + "|"];
    lines.extend(rows.iter().map(|row| line(&cells(row))));
    lines.join("\n")
}

/// The last line: the figures that are not met, by name.
pub(crate) fn verdict(rows: &[Row]) -> String {
    let missed: Vec<&str> =
        rows.iter().filter(|row| row.met == Some(false)).map(|row| row.work.as_str()).collect();
    match missed.as_slice() {
        [] => "All figures are met.".to_owned(),
        missed => format!("NOT MET: {}", missed.join("; ")),
    }
}

fn cells(row: &Row) -> [String; 7] {
    let ratio = |spread: Option<Spread>| spread.map_or("–".to_owned(), |spread| spread.to_string());
    let met = match row.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    };
    let (work, registry, echo) = (row.work.clone(), row.registry.clone(), row.echo.clone());
    [work, registry, echo, ratio(row.ratio), ratio(row.null), row.must_be.clone(), met.to_owned()]
}

fn line(cells: &[String; 7]) -> String {
    format!("| {} |", cells.join(" | "))
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
