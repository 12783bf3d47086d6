//! SearchJobs: which jobs a filter holds for, in which order, page by page.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Deserialize;

use super::job::Summary;
use super::time::{Micros, parse};
use crate::refusal::Refusal;

/// How many jobs a page may hold.
const PAGE: i64 = 100;
/// How far a page may start, and how many results are counted.
const REACH: i64 = 10_000;

/// A request for one page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    #[serde(default)]
    pub(super) queue_ids: Vec<String>,
    item_offset: Option<i64>,
    page_size: Option<i64>,
    filter_expressions: Option<Group>,
    #[serde(default)]
    sort_expressions: Vec<Sort>,
}

#[derive(Debug, Deserialize)]
struct Group {
    filters: Vec<Filter>,
    operator: Logic,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Logic {
    And,
    Or,
}

#[derive(Debug, Deserialize)]
enum Filter {
    #[serde(rename = "dateTimeFilter", rename_all = "camelCase")]
    DateTime { name: String, operator: Operator, date_time: String },
    #[serde(rename = "stringFilter")]
    Text { name: String, operator: Operator, value: String },
    #[serde(rename = "stringListFilter")]
    TextList { name: String, operator: Operator, values: Vec<String> },
    #[serde(rename = "searchTermFilter", rename_all = "camelCase")]
    SearchTerm { search_term: String },
    #[serde(rename = "groupFilter")]
    Nested(Group),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Equal,
    NotEqual,
    GreaterThanEqualTo,
    GreaterThan,
    LessThanEqualTo,
    LessThan,
    AnyEquals,
    AllNotEquals,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Sort {
    #[serde(rename_all = "camelCase")]
    FieldSort { name: String, sort_order: Order },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Order {
    Ascending,
    Descending,
}

/// One page of what was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) jobs: Vec<Arc<Summary>>,
    pub(super) total: i64,
    pub(super) next: Option<i64>,
}

/// A filter that was understood.
type Test = Box<dyn Fn(&Summary) -> bool>;
/// How two jobs stand in one field.
type Comparison = Box<dyn Fn(&Summary, &Summary) -> Ordering>;

impl Search {
    pub(super) fn run<'a>(&self, jobs: impl Iterator<Item = &'a Arc<Summary>>) -> Result<Found, Refusal> {
        let offset = within("itemOffset", self.item_offset, 0, REACH)?
            .ok_or_else(|| Refusal::invalid("itemOffset", "itemOffset is required."))?;
        let size = within("pageSize", self.page_size, 1, PAGE)?.unwrap_or(PAGE);
        let test = self.filter_expressions.as_ref().map(|group| group.test(0)).transpose()?;
        let mut found: Vec<_> = jobs.filter(|job| test.as_ref().is_none_or(|test| test(job))).collect();
        for Sort::FieldSort { name, sort_order } in self.sort_expressions.iter().rev() {
            let by = comparison(name)?;
            found.sort_by(|a, b| match sort_order {
                Order::Ascending => by(a, b),
                Order::Descending => by(b, a),
            });
        }
        let total = found.len() as i64;
        let jobs = found.into_iter().skip(offset as usize).take(size as usize).cloned().collect();
        let next = Some(offset + size).filter(|next| *next < total && *next <= REACH);
        Ok(Found { jobs, total: total.min(REACH), next })
    }
}

impl Group {
    fn test(&self, depth: u32) -> Result<Test, Refusal> {
        if !(1..=3).contains(&self.filters.len()) {
            return Err(Refusal::invalid("filters", "A group has 1 to 3 filters."));
        }
        if depth > 1 {
            return Err(Refusal::invalid("groupFilter", "A nested group holds no group."));
        }
        let tests = self.filters.iter().map(|filter| filter.test(depth)).collect::<Result<Vec<_>, _>>()?;
        Ok(match self.operator {
            Logic::And => Box::new(move |job| tests.iter().all(|test| test(job))),
            Logic::Or => Box::new(move |job| tests.iter().any(|test| test(job))),
        })
    }
}

impl Filter {
    fn test(&self, depth: u32) -> Result<Test, Refusal> {
        match self {
            Self::Nested(group) => group.test(depth + 1),
            Self::SearchTerm { search_term } => {
                let term = search_term.to_lowercase();
                Ok(Box::new(move |job| job.name.to_lowercase().contains(&term)))
            }
            Self::DateTime { name, operator, date_time } => {
                let field = date_field(name)?;
                let wanted = parse(date_time)
                    .ok_or_else(|| Refusal::invalid("dateTime", format!("{date_time} is no time.")))?;
                let holds = ordered(*operator)?;
                Ok(Box::new(move |job| field(job).is_some_and(|time| holds(time.cmp(&wanted)))))
            }
            Self::Text { name, operator, value } => {
                let (field, value) = (string_field(name)?, value.clone());
                match operator {
                    Operator::Equal => Ok(Box::new(move |job| field(job) == value)),
                    Operator::NotEqual => Ok(Box::new(move |job| field(job) != value)),
                    _ => Err(Refusal::invalid("operator", "A string is EQUAL or NOT_EQUAL.")),
                }
            }
            Self::TextList { name, operator, values } => {
                if !(1..=16).contains(&values.len()) {
                    return Err(Refusal::invalid("values", "A list has 1 to 16 values."));
                }
                let (field, values) = (string_field(name)?, values.clone());
                match operator {
                    Operator::AnyEquals => Ok(Box::new(move |job| values.iter().any(|v| field(job) == *v))),
                    Operator::AllNotEquals => {
                        Ok(Box::new(move |job| values.iter().all(|v| field(job) != *v)))
                    }
                    _ => Err(Refusal::invalid("operator", "A list has ANY_EQUALS or ALL_NOT_EQUALS.")),
                }
            }
        }
    }
}

/// A number that is absent or in its range.
pub(super) fn within(field: &str, value: Option<i64>, least: i64, most: i64) -> Result<Option<i64>, Refusal> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(Refusal::invalid(field, format!("{field} is {value}; it must be from {least} to {most}.")))
        }
        value => Ok(value),
    }
}

fn ordered(operator: Operator) -> Result<fn(Ordering) -> bool, Refusal> {
    match operator {
        Operator::Equal => Ok(Ordering::is_eq),
        Operator::NotEqual => Ok(Ordering::is_ne),
        Operator::GreaterThanEqualTo => Ok(Ordering::is_ge),
        Operator::GreaterThan => Ok(Ordering::is_gt),
        Operator::LessThanEqualTo => Ok(Ordering::is_le),
        Operator::LessThan => Ok(Ordering::is_lt),
        _ => Err(Refusal::invalid("operator", "A time is compared with one time.")),
    }
}

fn date_field(name: &str) -> Result<fn(&Summary) -> Option<Micros>, Refusal> {
    match name {
        "CREATED_AT" => Ok(|job| Some(job.created)),
        "STARTED_AT" => Ok(|job| job.started),
        "ENDED_AT" => Ok(|job| job.ended),
        "UPDATED_AT" => Ok(|job| Some(job.updated)),
        other => Err(Refusal::invalid("name", format!("{other} is no time of a job."))),
    }
}

fn string_field(name: &str) -> Result<fn(&Summary) -> &str, Refusal> {
    match name {
        "JOB_ID" => Ok(|job| &job.id),
        "NAME" => Ok(|job| &job.name),
        "TASK_RUN_STATUS" => Ok(|job| job.status.name()),
        "LIFECYCLE_STATUS" => Ok(|_| super::operations::LIFECYCLE_STATUS),
        "CREATED_BY" => Ok(|_| super::operations::USER),
        other => Err(Refusal::invalid("name", format!("{other} is no text of a job."))),
    }
}

fn comparison(name: &str) -> Result<Comparison, Refusal> {
    if let Ok(field) = date_field(name) {
        return Ok(Box::new(move |a, b| field(a).cmp(&field(b))));
    }
    if name == "PRIORITY" {
        return Ok(Box::new(|a, b| a.priority.cmp(&b.priority)));
    }
    let field = string_field(name)?;
    Ok(Box::new(move |a, b| field(a).cmp(field(b))))
}
