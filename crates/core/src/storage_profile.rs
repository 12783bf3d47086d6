//! Storage profiles, and the path mapping rules between two of them.

use serde::{Deserialize, Serialize};

use crate::path::PathFormat;
use crate::path_mapping::PathMappingRule;

/// The operating system family that a storage profile is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StorageProfileOsFamily {
    /// Windows.
    Windows,
    /// Linux.
    Linux,
    /// macOS.
    Macos,
}

impl StorageProfileOsFamily {
    /// The format of the profile's paths.
    pub fn to_path_format(self) -> PathFormat {
        match self {
            Self::Windows => PathFormat::Windows,
            Self::Linux | Self::Macos => PathFormat::Posix,
        }
    }
}

/// Whether a file system location is reachable from every host or from one alone. Mapping ignores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileSystemLocationType {
    /// On one host.
    Local,
    /// On shared storage.
    Shared,
}

/// A named place in a storage profile: the same name in two profiles is the same storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystemLocation {
    /// The name that profiles share, with regard to case.
    pub name: String,
    /// The absolute path on hosts of the profile.
    pub path: String,
    /// Local or shared.
    #[serde(rename = "type")]
    pub location_type: FileSystemLocationType,
}

/// A storage profile as `GetStorageProfileForQueue` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageProfileWithId {
    /// `sp-` and 32 hex digits.
    pub storage_profile_id: String,
    /// The name that people see.
    #[serde(default)]
    pub display_name: String,
    /// Decides the format of the paths.
    pub os_family: StorageProfileOsFamily,
    /// The named places; of two with one name the later counts.
    #[serde(default)]
    pub file_system_locations: Vec<FileSystemLocation>,
}

/// The rules that take paths of `source` to paths of `destination`: one for every location name that
/// both have, in the source's order, whatever the locations' types. None where both are one profile.
pub fn generate_path_mapping_rules(
    source: &StorageProfileWithId,
    destination: &StorageProfileWithId,
) -> Vec<PathMappingRule> {
    if source.storage_profile_id == destination.storage_profile_id {
        return Vec::new();
    }
    let source_path_format = source.os_family.to_path_format();
    unique_by_name(&source.file_system_locations)
        .into_iter()
        .filter_map(|from| {
            let to = destination.file_system_locations.iter().rev().find(|to| to.name == from.name)?;
            Some(PathMappingRule {
                source_path_format,
                source_path: from.path.clone(),
                destination_path: to.path.clone(),
            })
        })
        .collect()
}

/// Each name where it first stands, with the location that last bears it.
fn unique_by_name(locations: &[FileSystemLocation]) -> Vec<&FileSystemLocation> {
    let mut unique: Vec<&FileSystemLocation> = Vec::with_capacity(locations.len());
    for location in locations {
        match unique.iter_mut().find(|seen| seen.name == location.name) {
            Some(seen) => *seen = location,
            None => unique.push(location),
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(id: &str, locations: &[(&str, &str)]) -> StorageProfileWithId {
        StorageProfileWithId {
            storage_profile_id: id.into(),
            display_name: id.into(),
            os_family: StorageProfileOsFamily::Windows,
            file_system_locations: locations
                .iter()
                .map(|(name, path)| FileSystemLocation {
                    name: (*name).into(),
                    path: (*path).into(),
                    location_type: FileSystemLocationType::Shared,
                })
                .collect(),
        }
    }

    #[test]
    fn only_names_that_both_profiles_have_become_rules() {
        let rules = generate_path_mapping_rules(
            &profile("a", &[("Projects", "Z:\\"), ("Cache", "D:\\")]),
            &profile("b", &[("projects", "/x"), ("Cache", "/cache")]),
        );
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].destination_path, "/cache");
    }

    #[test]
    fn one_profile_on_both_sides_has_no_rules() {
        let one = profile("a", &[("Projects", "Z:\\")]);
        assert!(generate_path_mapping_rules(&one, &one).is_empty());
    }

    #[test]
    fn the_later_of_two_locations_with_one_name_counts() {
        let source = profile("a", &[("P", "X:\\"), ("Q", "Q:\\"), ("P", "Y:\\")]);
        let rules = generate_path_mapping_rules(&source, &profile("b", &[("P", "/p"), ("Q", "/q")]));
        let sources: Vec<_> = rules.iter().map(|rule| rule.source_path.as_str()).collect();
        assert_eq!(sources, ["Y:\\", "Q:\\"]);
    }
}
