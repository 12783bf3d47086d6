//! Which rules an asset root is mapped by: a root's own override, the rules between two storage profiles,
//! or none at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::path::{PathFormat, is_absolute, normalize};
use crate::path_mapping::{PathMappingApplier, PathMappingRule};
use crate::storage_profile::{StorageProfileWithId, generate_path_mapping_rules};

/// What decides how asset roots are mapped.
#[derive(Debug, Clone)]
pub struct RootMapperOptions {
    /// The profile that the job was submitted with.
    pub job_storage_profile: Option<StorageProfileWithId>,
    /// The profile of the host that downloads.
    pub local_storage_profile: Option<StorageProfileWithId>,
    /// The format of the job's paths, where no job profile says it.
    pub source_path_format: Option<PathFormat>,
    /// Local directories by asset root; they win over rules.
    pub root_overrides: BTreeMap<String, String>,
    /// The format of local paths.
    pub destination_path_format: PathFormat,
}

/// Answers for each asset root how its paths are read and mapped.
#[derive(Debug, Clone)]
pub struct RootMapper {
    source_path_format: Option<PathFormat>,
    destination_path_format: PathFormat,
    overrides: BTreeMap<String, String>,
    rules: Rules,
}

#[derive(Debug, Clone)]
enum Rules {
    /// Both profiles are one: paths stay as they are.
    SameProfile,
    /// No profiles: paths stay as they are where they are in the local format.
    NoProfiles,
    Between(Arc<PathMappingApplier>),
}

impl RootMapper {
    /// Prepares the rules.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for one storage profile without the other, or an override that is not absolute.
    pub fn new(options: RootMapperOptions) -> Result<Self> {
        let RootMapperOptions { job_storage_profile, local_storage_profile, destination_path_format, .. } =
            options;
        let rules = match (&job_storage_profile, &local_storage_profile) {
            (None, None) => Rules::NoProfiles,
            (Some(job), Some(local)) if job.storage_profile_id == local.storage_profile_id => {
                Rules::SameProfile
            }
            (Some(job), Some(local)) => Rules::Between(Arc::new(PathMappingApplier::new(
                &generate_path_mapping_rules(job, local),
                destination_path_format,
            )?)),
            (given, _) => {
                let (given, missing) = match given {
                    Some(_) => ("jobStorageProfile", "localStorageProfile"),
                    None => ("localStorageProfile", "jobStorageProfile"),
                };
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!("{given} needs {missing}: paths are mapped from the one to the other"),
                )
                .with("argument", missing));
            }
        };
        for (root, directory) in &options.root_overrides {
            if !is_absolute(directory, destination_path_format) {
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!("rootOverrides maps {root} to {directory}, which is not an absolute path"),
                )
                .with("argument", "rootOverrides"));
            }
        }
        let profile_format = job_storage_profile.map(|profile| profile.os_family.to_path_format());
        Ok(Self {
            source_path_format: profile_format.or(options.source_path_format),
            destination_path_format,
            overrides: options.root_overrides,
            rules,
        })
    }

    /// A mapper that maps nothing, for a job of which nobody knows where its paths belong.
    pub fn nothing(destination_path_format: PathFormat) -> Self {
        let none = PathMappingApplier::without_rules(destination_path_format);
        Self {
            source_path_format: None,
            destination_path_format,
            overrides: BTreeMap::new(),
            rules: Rules::Between(Arc::new(none)),
        }
    }

    /// Refuses overrides that name no root, where a root would stay as it is instead: whoever mistypes a root
    /// must not have its files written to the job's own paths.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` that names the override and the roots.
    pub fn check_overrides<'a>(&self, asset_roots: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let roots: BTreeSet<&str> = asset_roots.into_iter().collect();
        let format_of = |root: &str| self.source_path_format.unwrap_or_else(|| PathFormat::of_root(root));
        let is_overridden = |root: &&&str| self.override_of(root, format_of(root)).is_some();
        let matched = roots.iter().filter(is_overridden).count();
        let stays = matched < roots.len() && !matches!(self.rules, Rules::Between(_));
        let unused = self
            .overrides
            .keys()
            .find(|name| !roots.iter().any(|root| same_path(root, name, format_of(root))));
        match unused {
            Some(name) if stays => {
                let known: Vec<&str> = roots.into_iter().collect();
                Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!("rootOverrides names {name}, but the asset roots are {}", known.join(", ")),
                )
                .with("argument", "rootOverrides")
                .with("assetRoots", known))
            }
            _ => Ok(()),
        }
    }

    fn override_of(&self, asset_root: &str, format: PathFormat) -> Option<&String> {
        let same = |(root, _): &(&String, &String)| same_path(root, asset_root, format);
        self.overrides.iter().find(same).map(|(_, directory)| directory)
    }

    /// The format of the root's paths, and what maps them; none where they stay as they are.
    pub fn for_root(&self, asset_root: &str) -> Result<(PathFormat, Option<Arc<PathMappingApplier>>)> {
        let format = self.source_path_format.unwrap_or_else(|| PathFormat::of_root(asset_root));
        if let Some(directory) = self.override_of(asset_root, format) {
            let rule = PathMappingRule {
                source_path_format: format,
                source_path: normalize(asset_root, format),
                destination_path: directory.clone(),
            };
            let applier = PathMappingApplier::new(&[rule], self.destination_path_format)?;
            return Ok((format, Some(Arc::new(applier))));
        }
        Ok((
            format,
            match &self.rules {
                Rules::SameProfile | Rules::NoProfiles => None,
                Rules::Between(applier) => Some(Arc::clone(applier)),
            },
        ))
    }
}

/// Whether two spellings are one place: separators at the end, and case on Windows, make no difference.
fn same_path(a: &str, b: &str, format: PathFormat) -> bool {
    let spelled = |path: &str| match format {
        PathFormat::Windows => normalize(path, format).to_lowercase(),
        PathFormat::Posix => normalize(path, format),
    };
    a == b || spelled(a) == spelled(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_profile::StorageProfileOsFamily;

    fn profile(id: &str) -> StorageProfileWithId {
        StorageProfileWithId {
            storage_profile_id: id.into(),
            display_name: String::new(),
            os_family: StorageProfileOsFamily::Windows,
            file_system_locations: Vec::new(),
        }
    }

    fn options() -> RootMapperOptions {
        RootMapperOptions {
            job_storage_profile: None,
            local_storage_profile: None,
            source_path_format: None,
            root_overrides: BTreeMap::new(),
            destination_path_format: PathFormat::Posix,
        }
    }

    #[test]
    fn one_profile_without_the_other_is_an_error_that_names_the_missing_one() {
        let error =
            RootMapper::new(RootMapperOptions { local_storage_profile: Some(profile("a")), ..options() })
                .unwrap_err();
        assert_eq!(
            (error.code, error.details["argument"].as_str()),
            (ErrorCode::InvalidArgument, Some("jobStorageProfile"))
        );
    }

    #[test]
    fn profiles_that_share_no_location_map_nothing_at_all() {
        let mapper = RootMapper::new(RootMapperOptions {
            job_storage_profile: Some(profile("a")),
            local_storage_profile: Some(profile("b")),
            ..options()
        })
        .unwrap();
        let (format, applier) = mapper.for_root("Z:\\p").unwrap();
        assert_eq!(format, PathFormat::Windows);
        assert_eq!(applier.unwrap().transform("Z:\\p\\a"), None);
    }

    #[test]
    fn paths_stay_as_they_are_only_for_one_profile_or_none_at_all() {
        let one = RootMapper::new(RootMapperOptions {
            job_storage_profile: Some(profile("a")),
            local_storage_profile: Some(profile("a")),
            ..options()
        });
        for mapper in [one.unwrap(), RootMapper::new(options()).unwrap()] {
            assert!(mapper.for_root("Z:\\p").unwrap().1.is_none());
        }
    }

    #[test]
    fn an_override_wins_over_the_rules() {
        let mapper = RootMapper::new(RootMapperOptions {
            job_storage_profile: Some(profile("a")),
            local_storage_profile: Some(profile("b")),
            root_overrides: [("Z:\\p".to_owned(), "/here".to_owned())].into(),
            ..options()
        })
        .unwrap();
        let applier = mapper.for_root("Z:\\p").unwrap().1.unwrap();
        assert_eq!(applier.transform("Z:\\p\\a").as_deref(), Some("/here/a"));
    }

    #[test]
    fn the_source_format_is_the_profiles_then_the_given_then_told_from_the_root() {
        let told = RootMapper::new(options()).unwrap();
        assert_eq!(told.for_root("Z:\\p").unwrap().0, PathFormat::Windows);
        let given =
            RootMapper::new(RootMapperOptions { source_path_format: Some(PathFormat::Posix), ..options() })
                .unwrap();
        assert_eq!(given.for_root("Z:\\p").unwrap().0, PathFormat::Posix);
    }

    fn overriding(root: &str) -> RootMapper {
        let root_overrides = [(root.to_owned(), "/here".to_owned())].into();
        RootMapper::new(RootMapperOptions { root_overrides, ..options() }).unwrap()
    }

    #[test]
    fn an_override_is_found_however_its_root_is_spelled() {
        for (given, root) in [("/x/src/", "/x/src"), ("z:/projects", "Z:\\Projects\\")] {
            let applier = overriding(given).for_root(root).unwrap().1;
            assert!(applier.is_some_and(|applier| applier.transform(root).is_some()), "{given}");
        }
        assert!(overriding("/x/SRC").for_root("/x/src").unwrap().1.is_none());
    }

    #[test]
    fn an_override_that_names_no_root_is_refused_where_a_root_would_stay_as_it_is() {
        let error = overriding("/x/src").check_overrides(["/x/scr"]).unwrap_err();
        assert_eq!(
            (error.code, &error.details["assetRoots"]),
            (ErrorCode::InvalidArgument, &vec!["/x/scr"].into())
        );
        assert!(overriding("/x/src").check_overrides(["/x/src", "/other"]).is_ok());
        assert!(overriding("/x/src").check_overrides([]).is_ok());
    }

    #[test]
    fn a_relative_override_is_refused() {
        let overrides = [("/p".to_owned(), "here".to_owned())].into();
        let error =
            RootMapper::new(RootMapperOptions { root_overrides: overrides, ..options() }).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
}
