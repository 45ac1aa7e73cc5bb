"""The least quota of a process's control groups, on machines and in containers of many kinds."""

import os
from pathlib import Path

import pytest

from htcgrid.cgroup import Quota, least_quota

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "34 31 0:31 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory"
UNIFIED = "32 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
#: Every line that is no mount of a group's, as there are many.
OTHERS = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n25 22 0:5 / /proc rw - proc proc rw\n"

#: The kind of machine, its groups, its mounts, the files that say something, and the quota: cores, file.
MACHINES: list[tuple[str, str, str, dict[str, str], tuple[float, str] | None]] = [
    (
        "a container with a namespace of its own",
        "0::/",
        V2,
        {"cgroup/cpu.max": "150000 100000\n"},
        (1.5, "cgroup/cpu.max"),
    ),
    ("a container without a quota", "0::/", V2, {"cgroup/cpu.max": "max 100000\n"}, None),
    ("the group of all", "0::/", V2, {}, None),
    (
        "a systemd service",
        "0::/system.slice/grid.service",
        V2,
        {"cgroup/system.slice/grid.service/cpu.max": "400000 100000", "cgroup/system.slice/cpu.max": "max 100000"},
        (4, "cgroup/system.slice/grid.service/cpu.max"),
    ),
    (
        "the least of quotas in quotas, here the outer",
        "0::/a/b/c",
        V2,
        {
            "cgroup/a/b/c/cpu.max": "300000 100000",
            "cgroup/a/b/cpu.max": "max 100000",
            "cgroup/a/cpu.max": "50000 50000",
        },
        (1, "cgroup/a/cpu.max"),
    ),
    (
        "the least of quotas in quotas, here the inner",
        "0::/a/b",
        V2,
        {"cgroup/a/b/cpu.max": "100000 100000", "cgroup/a/cpu.max": "200000 100000"},
        (1, "cgroup/a/b/cpu.max"),
    ),
    ("a group beside this process's", "0::/a", V2, {"cgroup/b/cpu.max": "100000 100000"}, None),
    ("less than a core", "0::/", V2, {"cgroup/cpu.max": "20000 100000"}, (0.2, "cgroup/cpu.max")),
    (
        "a container that sees the groups' names outside",
        "0::/kubepods/pod1/work",
        V2.replace(" / /sys", " /kubepods/pod1/work /sys"),
        {"cgroup/cpu.max": "200000 100000", "cgroup/kubepods/pod1/work/cpu.max": "100000 100000"},
        (2, "cgroup/cpu.max"),
    ),
    (
        "a group below the one that is mounted",
        "0::/pod/work/step",
        V2.replace(" / /sys", " /pod/work /sys"),
        {"cgroup/step/cpu.max": "100000 100000"},
        (1, "cgroup/step/cpu.max"),
    ),
    (
        "a part that is known by another name",
        "0::/",
        V2.replace(" / /sys", " /docker/abc /sys"),
        {"cgroup/cpu.max": "300000 100000"},
        (3, "cgroup/cpu.max"),
    ),
    (
        "a process that was moved out of its namespace",
        "0::/../other",
        V2,
        {"cgroup/cpu.max": "100000 100000", "other/cpu.max": "100000 100000"},
        None,
    ),
    (
        "a mount from outside the namespace",
        "0::/",
        V2.replace(" / /sys", " /.. /sys"),
        {"cgroup/cpu.max": "500000 100000"},
        (5, "cgroup/cpu.max"),
    ),
    (
        "the first version",
        "4:cpu,cpuacct:/batch/job7\n3:memory:/m\n",
        f"{MEMORY}\n{V1}",
        {
            "cgroup/cpu,cpuacct/batch/job7/cpu.cfs_quota_us": "250000",
            "cgroup/cpu,cpuacct/batch/job7/cpu.cfs_period_us": "100000",
        },
        (2.5, "cgroup/cpu,cpuacct/batch/job7/cpu.cfs_quota_us"),
    ),
    (
        "the first version without a quota",
        "4:cpu,cpuacct:/",
        V1,
        {"cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
        None,
    ),
    (
        "the first version in a container",
        "4:cpuacct,cpu:/docker/abc",
        V1.replace(" / /sys", " /docker/abc /sys"),
        {"cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000", "cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"},
        (2, "cgroup/cpu,cpuacct/cpu.cfs_quota_us"),
    ),
    (
        "both versions, where the first has the quota",
        "1:cpu:/a\n0::/b",
        f"{UNIFIED}\n{V1}",
        {
            "cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "100000",
            "cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "50000",
            "cgroup/unified/b/cgroup.procs": "7",
        },
        (2, "cgroup/cpu,cpuacct/a/cpu.cfs_quota_us"),
    ),
    (
        "both versions, where the second has the quota",
        "2:memory:/a\n0::/b",
        f"{UNIFIED}\n{MEMORY}",
        {"cgroup/unified/b/cpu.max": "100000 100000"},
        (1, "cgroup/unified/b/cpu.max"),
    ),
    (
        "a colon in a group's name",
        "0::/a:b",
        V2,
        {"cgroup/a:b/cpu.max": "100000 100000"},
        (1, "cgroup/a:b/cpu.max"),
    ),
    (
        "a blank in a folder's name",
        "0::/",
        V2.replace("/sys/fs/cgroup", r"/sys/fs/my\040groups"),
        {"my groups/cpu.max": "100000 100000"},
        (1, "my groups/cpu.max"),
    ),
    (
        "a group that was removed",
        "0::/a/b (deleted)",
        V2,
        {"cgroup/a/cpu.max": "100000 100000"},
        (1, "cgroup/a/cpu.max"),
    ),
    ("no groups at all", "", "", {}, None),
    ("groups that are mounted nowhere", "0::/a", "", {"cgroup/a/cpu.max": "100000 100000"}, None),
]

#: What stands in /proc/self/cgroup, in mountinfo and in cpu.max, of which one is malformed.
MALFORMED = [
    ("0::/", V2, ""),
    ("0::/", V2, "\n"),
    ("0::/", V2, "100000"),
    ("0::/", V2, "100000 100000 100000"),
    ("0::/", V2, "a lot"),
    ("0::/", V2, "1.5 1"),
    ("0::/", V2, "100000 0"),
    ("0::/", V2, "-100000 100000"),
    ("0::/", V2, "0 100000"),
    ("0::/", V2, "9" * 5000 + " 100000"),
    ("0::/", V2, "9" * 400 + " 1"),
    ("0::/", V2, "\udcff\udcfe\0"),
    ("0", V2, "100000 100000"),
    ("0:", V2, "100000 100000"),
    ("0::", V2, "100000 100000"),
    ("::::\n\n0::relative\nx::/", V2, "100000 100000"),
    ("0::/a\0b/\udcff", V2.replace(" / /sys", " /a\0b /sys/\0"), "100000 100000"),
    ("0::/", "30 23 0:26 / /sys/fs/cgroup rw", "100000 100000"),
    ("0::/", "/ /sys/fs/cgroup - cgroup2", "100000 100000"),
    ("0::/", " - \n-\n - cgroup2 cgroup2 rw", "100000 100000"),
]


def written(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """Write what the kernel would show; return the root of it all."""
    shown = {"proc/self/cgroup": groups, "proc/self/mountinfo": OTHERS + mounts}
    shown |= {f"sys/fs/{name}": text for name, text in files.items()}
    for name, text in shown.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    return root


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "quota"),
    [pytest.param(*machine, id=kind) for kind, *machine in MACHINES],
)
def test_the_least_quota_of_a_group_and_of_those_it_is_in_holds(
    tmp_path: Path, groups: str, mounts: str, files: dict[str, str], quota: tuple[float, str] | None
) -> None:
    found = least_quota(written(tmp_path, groups, mounts, files))
    assert found == (None if quota is None else Quota(cores=quota[0], file=f"/sys/fs/{quota[1]}"))


@pytest.mark.parametrize(("groups", "mounts", "said"), MALFORMED, ids=map(str, range(len(MALFORMED))))
def test_what_is_malformed_sets_no_quota(tmp_path: Path, groups: str, mounts: str, said: str) -> None:
    assert least_quota(written(tmp_path, groups, mounts, {"cgroup/cpu.max": said})) is None


def test_one_malformed_file_does_not_hide_the_others(tmp_path: Path) -> None:
    files = {"cgroup/a/b/cpu.max": "a lot", "cgroup/a/cpu.max": "200000 100000", "cgroup/cpu.max": "0 0"}
    found = least_quota(written(tmp_path, "rubbish\n0::/a/b", f"rubbish\n{V2}", files))
    assert found == Quota(cores=2, file="/sys/fs/cgroup/a/cpu.max")


def test_a_folder_in_a_files_place_sets_no_quota(tmp_path: Path) -> None:
    root = written(tmp_path, "0::/", V2, {"cgroup/cpu.max/inside": "100000 100000"})
    assert least_quota(root) is None


def test_a_name_that_is_no_text_is_shown_as_far_as_it_can_be(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff")
    found = least_quota(written(tmp_path, f"0::/{name}", V2, {f"cgroup/{name}/cpu.max": "100000 100000"}))
    assert found == Quota(cores=1, file="/sys/fs/cgroup/a?/cpu.max")


def test_where_there_are_no_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert least_quota(tmp_path) is None
    # And this machine's files are read without an error, whatever they say.
    least_quota()
