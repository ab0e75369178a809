use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn t255_files_are_made_private_and_looser_ones_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    assert_eq!(read_private(&path), Ok(None));
    assert!(create_private(&path).unwrap().is_some());
    assert!(create_private(&path).unwrap().is_none());
    assert_eq!(mode(&path), 0o600);
    replace_private(&path, b"one").unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(read_private(&path), Ok(Some(b"one".to_vec())));
    for loose in [0o640, 0o604, 0o660] {
        set_mode(&path, loose);
        assert_eq!(
            read_private(&path).unwrap_err().to_string(),
            format!("`{0}` can be read by others; run `chmod 600 {0}`", path.display())
        );
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "no temporary file stays behind");
}

#[test]
fn t255_what_others_may_read_but_not_write() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("policy.toml");
    replace_private(&path, b"schema = 1").unwrap();
    set_mode(&path, 0o644);
    assert_eq!(read_guarded(&path), Ok(Some("schema = 1".to_owned())));
    for loose in [0o664, 0o646] {
        set_mode(&path, loose);
        assert!(
            read_guarded(&path).unwrap_err().to_string().ends_with(&format!("run `chmod go-w {}`", path.display()))
        );
        assert!(replace_private(&path, b"").is_err());
    }
    set_mode(&path, 0o440);
    assert_eq!(read_handed(&path), Ok(Some(b"schema = 1".to_vec())));
    set_mode(&path, 0o444);
    assert!(read_handed(&path).is_err());
}

#[test]
fn t256_links_pipes_and_directories_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let (file, link) = (home.path().join("file"), home.path().join("link"));
    replace_private(&file, b"mine").unwrap();
    symlink(&file, &link).unwrap();
    assert_eq!(read_private(&link).unwrap_err().reason, "is a link");
    assert_eq!(replace_private(&link, b"other").unwrap_err().reason, "is a link");
    assert_eq!(Lock::try_exclusive(&link).unwrap_err().reason, "is a link");
    assert_eq!(read_private(&file), Ok(Some(b"mine".to_vec())));

    let second = home.path().join("second");
    std::fs::hard_link(&file, &second).unwrap();
    assert_eq!(read_private(&file).unwrap_err().reason, "has a second name (a hard link)");
    assert_eq!(read_private(home.path()).unwrap_err().reason, "is not a regular file");

    let foreign = home.path().join("foreign");
    replace_private(&foreign, b"").unwrap();
    if rustix::process::geteuid().is_root() {
        rustix::fs::chown(&foreign, Some(rustix::fs::Uid::from_raw(1234)), None).unwrap();
        assert_eq!(read_guarded(&foreign).unwrap_err().reason, "belongs to user 1234");
    }

    let pipe = home.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(read_private(&pipe).unwrap_err().reason, "is not a regular file");
}

#[test]
fn t255_directories_are_private_or_named_with_their_fix() {
    let home = tempfile::tempdir().unwrap();
    let (made, loose, link) = (home.path().join("a/b"), home.path().join("loose"), home.path().join("link"));
    ensure_private_dir(&made).unwrap();
    assert_eq!((mode(&made), mode(made.parent().unwrap())), (0o700, 0o700));
    ensure_private_dir(&made).unwrap();

    std::fs::create_dir(&loose).unwrap();
    set_mode(&loose, 0o755);
    ensure_private_dir(&loose).unwrap();
    assert_eq!(mode(&loose), 0o700, "an empty one is tightened");
    set_mode(&loose, 0o755);
    replace_private(&loose.join("file"), b"").unwrap();
    assert_eq!(ensure_private_dir(&loose).unwrap_err().fix, format!("run `chmod 700 {}`", loose.display()));

    symlink(&made, &link).unwrap();
    assert_eq!(ensure_private_dir(&link).unwrap_err().reason, "is a link");
}

#[test]
fn t256_an_ancestor_that_others_can_write_is_refused_unless_sticky() {
    let home = tempfile::tempdir().unwrap();
    let open = home.path().join("open");
    let path = open.join("below/vault.age");
    std::fs::create_dir(&open).unwrap();
    check_ancestors(&path).unwrap();
    set_mode(&open, 0o777);
    assert_eq!(check_ancestors(&path).unwrap_err().path, open);
    set_mode(&open, 0o1777);
    check_ancestors(&path).unwrap();

    // reached through a link of ours, a place that others can write stays one
    set_mode(&open, 0o777);
    let link = home.path().join("link");
    symlink(&open, &link).unwrap();
    assert_eq!(check_ancestors(&link.join("vault.age")).unwrap_err().path, open.canonicalize().unwrap());
}

#[test]
fn a_lock_has_one_holder() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("site.lock");
    let held = Lock::try_exclusive(&path).unwrap().unwrap();
    assert!(Lock::try_exclusive(&path).unwrap().is_none());
    let busy = Lock::exclusive(&path, std::time::Duration::from_millis(20)).unwrap_err();
    assert_eq!(busy.reason, "is locked by another process");
    drop(held);
    assert!(Lock::try_exclusive(&path).unwrap().is_some());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_lock_whose_file_was_taken_away_is_none() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("secrets.lock");
    let taken = std::cell::Cell::new(0);
    // as if its holder had removed it between our opening and our locking it
    let remove_once = |file: &File| {
        if taken.replace(taken.get() + 1) == 0 {
            std::fs::remove_file(&path).unwrap();
        }
        file.try_lock()
    };
    let held = Lock::attempt(&path, remove_once).unwrap().unwrap();
    assert_eq!(taken.get(), 2, "the file that was gone is not the one that is locked");
    assert!(Lock::try_exclusive(&path).unwrap().is_none());
    drop(held);
    let folder_gone = |file: &File| {
        std::fs::remove_dir_all(home.path()).unwrap();
        file.try_lock()
    };
    let gone = Lock::attempt(&path, folder_gone).unwrap_err();
    assert!(gone.reason.contains("cannot be opened"), "{gone}");
}

#[test]
fn t260_a_folder_that_others_may_write_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools");
    assert_eq!(list_guarded(&path), Ok(None));
    std::fs::create_dir(&path).unwrap();
    for name in ["b.toml", "a.toml"] {
        std::fs::write(path.join(name), "1234").unwrap();
    }
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    for open in [0o777, 0o720, 0o702] {
        mode(open);
        assert!(list_guarded(&path).unwrap_err().reason.contains("can be changed by others"));
    }
    mode(0o755);
    assert_eq!(list_guarded(&path), Ok(Some(vec!["a.toml".into(), "b.toml".into()])));
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(list_guarded(&link).unwrap_err().reason, "is a link");
    assert_eq!(list_guarded(&path.join("a.toml")).unwrap_err().reason, "is not a directory");
    let file = path.join("a.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(read_guarded_up_to(&file, 4), Ok(Some("1234".to_owned())));
    assert!(read_guarded_up_to(&file, 3).unwrap_err().reason.contains("more than 3 bytes"));
    assert_eq!(read_guarded_up_to(&path.join("none"), 3), Ok(None));
}

#[test]
fn t257_a_file_of_roots_is_roots_and_nobody_else_can_change_it() {
    use std::os::unix::fs::{MetadataExt as _, chown};

    assert_eq!(read_of_root(Path::new("/etc/agentport/no such file")).unwrap(), None);
    // one of every system
    assert!(read_of_root(Path::new("/etc/passwd")).unwrap().is_some_and(|text| text.contains("root")));
    // nobody but root may write the folders above it, sticky or not
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, "schema = 1\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(read_of_root(&path).is_err(), "below /tmp");
    for mode in [0o664, 0o646] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(read_of_root(&path).is_err());
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    if std::fs::metadata(&path).unwrap().uid() == 0 {
        chown(&path, Some(4711), None).unwrap();
    }
    let error = read_of_root(&path).unwrap_err();
    assert!(error.reason.contains("belongs to user"), "{error}");
}
