"""Which updates a configuration selects, and which wishes are refused."""

from collections.abc import Callable, Sequence

import pytest

from shared.domain.install_patches import (
    LONGEST_MASK,
    PLATFORM_DEFAULT,
    InstallPatches,
    LinuxParameters,
    RebootSetting,
    WindowsParameters,
    azure_unsupported,
    parse_classifications,
    parse_kbs,
    parse_masks,
    parse_reboot_setting,
    selects_nothing,
)
from shared.domain.machine import OsType
from shared.domain.selection import select
from shared.domain.updates import CLASSIFICATIONS, Classification, Update, classification_of
from shared.errors import InvalidRequestError

CRITICAL, SECURITY, OTHER = CLASSIFICATIONS[OsType.LINUX]

KERNEL = Update(name="kernel.x86_64", version="5.14.0-70", classification="Security")
OPENSSL = Update(name="openssl.x86_64", version="1:3.0.7-2", classification="critical")
TZDATA = Update(name="tzdata.noarch", version="2024a-1", classification="Bugfix")
LIBC = Update(name="libc6:amd64", version="2.35-0", classification="Other")
PACKAGES = (KERNEL, OPENSSL, TZDATA, LIBC)

ROLLUP = Update(
    name="Cumulative update",
    kb="KB5034123",
    classification="UpdateRollUp",
    reboot_behavior="CanRequestReboot",
)
DEFINITION = Update(
    name="Defender", kb="2267602", classification="Definition", reboot_behavior="NeverReboots"
)
DRIVER = Update(name="Driver", classification="Drivers")
PATCHES = (ROLLUP, DEFINITION, DRIVER)


def linux(
    *classifications: Classification,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> InstallPatches:
    return InstallPatches(
        linux=LinuxParameters(
            classifications=classifications,
            masks_to_include=tuple(include),
            masks_to_exclude=tuple(exclude),
        )
    )


def windows(
    *classifications: Classification,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> InstallPatches:
    return InstallPatches(
        windows=WindowsParameters(
            classifications=classifications,
            kbs_to_include=tuple(include),
            kbs_to_exclude=tuple(exclude),
        )
    )


@pytest.mark.parametrize(
    ("wish", "selected", "excluded"),
    [
        pytest.param(linux(SECURITY), [KERNEL], [], id="one classification"),
        pytest.param(linux(CRITICAL), [OPENSSL], [], id="critical does not widen to security"),
        pytest.param(linux(OTHER), [TZDATA, LIBC], [], id="unknown classification is other"),
        pytest.param(
            linux(CRITICAL, SECURITY, OTHER), list(PACKAGES), [], id="every classification"
        ),
        pytest.param(linux(), [], [], id="nothing chosen selects nothing"),
        pytest.param(linux(exclude=["kernel"]), [], [KERNEL], id="exclusion alone"),
        pytest.param(linux(include=["tzdata*"]), [TZDATA], [], id="inclusion alone"),
        pytest.param(
            linux(SECURITY, include=["tzdata*"]), [KERNEL, TZDATA], [], id="inclusion adds"
        ),
        pytest.param(
            linux(SECURITY, OTHER, exclude=["tzdata", "kern*"]),
            [LIBC],
            [KERNEL, TZDATA],
            id="exclusion beats classification",
        ),
        pytest.param(
            linux(include=["kernel", "libc6"], exclude=["kernel"]),
            [LIBC],
            [KERNEL],
            id="exclusion beats inclusion",
        ),
        pytest.param(linux(include=["openssl"]), [OPENSSL], [], id="without rpm architecture"),
        pytest.param(linux(include=["libc6"]), [LIBC], [], id="without dpkg architecture"),
        pytest.param(linux(include=["libc6:amd64"]), [LIBC], [], id="with its architecture"),
        pytest.param(linux(include=["libc6:i386"]), [], [], id="with another architecture"),
        pytest.param(linux(include=["open"]), [], [], id="start of a name is not the name"),
        pytest.param(linux(include=["OpenSSL"]), [], [], id="names compare with case"),
        pytest.param(linux(include=["k?rnel"]), [KERNEL], [], id="question mark"),
        pytest.param(linux(include=["[kt]*"]), [KERNEL, TZDATA], [], id="set of characters"),
        pytest.param(linux(include=["[!kt]*"]), [OPENSSL, LIBC], [], id="set turned round"),
        pytest.param(linux(include=["*"]), list(PACKAGES), [], id="star"),
        pytest.param(linux(include=["kernel=5.14.0-70"]), [KERNEL], [], id="version"),
        pytest.param(linux(include=["kernel=5.14*"]), [KERNEL], [], id="version with wildcard"),
        pytest.param(linux(include=["kernel=5.15*"]), [], [], id="other version"),
        pytest.param(
            linux(SECURITY, exclude=["kernel=4.*"]), [], [KERNEL], id="exclusion of any version"
        ),
    ],
)
def test_linux_selects_by_classification_and_mask(
    wish: InstallPatches, selected: list[Update], excluded: list[Update]
) -> None:
    found = select(PACKAGES, wish, os_type=OsType.LINUX)

    assert found.selected == tuple(selected)
    assert found.excluded == tuple(excluded)
    assert set(found.not_selected) == set(PACKAGES) - {*selected, *excluded}


@pytest.mark.parametrize("suffix", [".src", ".9", ":foreign", ".conf"])
def test_what_is_no_architecture_belongs_to_the_name(suffix: str) -> None:
    update = Update(name=f"python{suffix}", classification="Security")

    found = select([update], linux(include=["python"]), os_type=OsType.LINUX)

    assert found.not_selected == (update,)


def test_package_of_unknown_version_answers_to_no_version() -> None:
    update = Update(name="kernel", classification="Security")

    assert not select([update], linux(include=["kernel=5*"]), os_type=OsType.LINUX).selected


@pytest.mark.parametrize(
    ("wish", "selected", "excluded"),
    [
        pytest.param(
            windows(Classification.UPDATE_ROLLUP), [ROLLUP], [], id="Azure's spelling of a rollup"
        ),
        pytest.param(
            windows(Classification.UPDATES), [DRIVER], [], id="unknown classification is updates"
        ),
        pytest.param(windows(include=["5034123"]), [ROLLUP], [], id="bare number finds KB"),
        pytest.param(windows(include=["kb2267602"]), [DEFINITION], [], id="KB finds bare number"),
        pytest.param(
            windows(*CLASSIFICATIONS[OsType.WINDOWS], exclude=["5034123"]),
            [DEFINITION, DRIVER],
            [ROLLUP],
            id="exclusion beats classification",
        ),
        pytest.param(
            windows(include=["KB5034123"], exclude=["5034123"]),
            [],
            [ROLLUP],
            id="exclusion beats inclusion",
        ),
        pytest.param(windows(exclude=["1"]), [], [], id="nothing chosen selects nothing"),
    ],
)
def test_windows_selects_by_classification_and_kb(
    wish: InstallPatches, selected: list[Update], excluded: list[Update]
) -> None:
    found = select(PATCHES, wish, os_type=OsType.WINDOWS)

    assert found.selected == tuple(selected)
    assert found.excluded == tuple(excluded)


def test_only_what_surely_never_reboots_passes_when_reboots_are_excluded() -> None:
    wish = InstallPatches(
        windows=WindowsParameters(
            classifications=CLASSIFICATIONS[OsType.WINDOWS],
            kbs_to_include=("5034123",),
            exclude_kbs_requiring_reboot=True,
        )
    )

    found = select(PATCHES, wish, os_type=OsType.WINDOWS)

    assert found.selected == (DEFINITION,)
    assert found.excluded == (ROLLUP, DRIVER)


@pytest.mark.parametrize(
    ("wish", "os_type"),
    [
        (None, OsType.LINUX),
        (InstallPatches(), OsType.LINUX),
        (windows(*CLASSIFICATIONS[OsType.WINDOWS]), OsType.LINUX),
        (linux(CRITICAL, SECURITY, OTHER), OsType.WINDOWS),
        (linux(exclude=["a"]), OsType.LINUX),
        (windows(exclude=["1"]), OsType.WINDOWS),
    ],
    ids=["no wish", "no system", "Windows only", "Linux only", "masks out only", "KBs out only"],
)
def test_system_without_choices_gets_nothing(wish: InstallPatches | None, os_type: OsType) -> None:
    assert selects_nothing(wish, os_type)
    assert select((*PACKAGES, *PATCHES), wish, os_type=os_type).selected == ()


@pytest.mark.parametrize(
    ("wish", "os_type"),
    [
        (linux(OTHER), OsType.LINUX),
        (linux(include=["*"]), OsType.LINUX),
        (windows(Classification.TOOLS), OsType.WINDOWS),
        (windows(include=["1"]), OsType.WINDOWS),
        (PLATFORM_DEFAULT, OsType.LINUX),
        (PLATFORM_DEFAULT, OsType.WINDOWS),
    ],
    ids=["classification", "mask", "classification of Windows", "KB", "default", "default Windows"],
)
def test_any_choice_is_worth_asking_the_machine(wish: InstallPatches, os_type: OsType) -> None:
    assert not selects_nothing(wish, os_type)


def test_platform_default_is_critical_and_security_with_a_reboot_if_required() -> None:
    assert PLATFORM_DEFAULT.reboot_setting is RebootSetting.IF_REQUIRED
    assert select(PACKAGES, PLATFORM_DEFAULT, os_type=OsType.LINUX).selected == (KERNEL, OPENSSL)
    assert select(PATCHES, PLATFORM_DEFAULT, os_type=OsType.WINDOWS).selected == ()


# --- dependencies --------------------------------------------------------------------------------


def a_package(name: str, *needs: str, kind: str = "Other") -> Update:
    return Update(name=name, classification=kind, dependencies=needs)


@pytest.mark.parametrize(
    ("updates", "wish", "selected", "excluded"),
    [
        pytest.param(
            [a_package("app", "lib"), a_package("lib", "base"), a_package("base"), a_package("x")],
            linux(include=["app"]),
            ["app", "lib", "base"],
            [],
            id="what is needed comes along, however indirectly",
        ),
        pytest.param(
            [a_package("app", "lib"), a_package("lib")],
            linux(include=["lib"]),
            ["lib"],
            [],
            id="what needs it does not",
        ),
        pytest.param(
            [a_package("app", "lib"), a_package("lib", "base"), a_package("base"), a_package("x")],
            linux(OTHER, exclude=["base"]),
            ["x"],
            ["app", "lib", "base"],
            id="what needs something excluded is excluded, however indirectly",
        ),
        pytest.param(
            [a_package("app", "lib", "base"), a_package("lib"), a_package("base")],
            linux(include=["app"], exclude=["base"]),
            [],
            ["app", "base"],
            id="an excluded update brings nothing along",
        ),
        pytest.param(
            [a_package("a", "b"), a_package("b", "a"), a_package("c", "c")],
            linux(include=["a"]),
            ["a", "b"],
            [],
            id="circle selected",
        ),
        pytest.param(
            [a_package("a", "b"), a_package("b", "a"), a_package("c", "c")],
            linux(OTHER, exclude=["b"]),
            ["c"],
            ["a", "b"],
            id="circle excluded",
        ),
        pytest.param(
            [a_package("app", "ghost")],
            linux(OTHER, exclude=["gho*"]),
            [],
            ["app"],
            id="excluded package that would be installed anew",
        ),
        pytest.param(
            [a_package("app", "ghost")], linux(OTHER), ["app"], [], id="need that is not listed"
        ),
        pytest.param(
            [a_package("app", "lib"), a_package("lib:amd64")],
            linux(include=["app"]),
            ["app", "lib:amd64"],
            [],
            id="need without architecture",
        ),
        pytest.param(
            [a_package("app", "lib.x86_64"), a_package("lib")],
            linux(include=["app"]),
            ["app", "lib"],
            [],
            id="need with an architecture that is not listed",
        ),
        pytest.param(
            [a_package("app", "lib:i386"), a_package("lib:amd64"), a_package("lib:i386")],
            linux(include=["app"]),
            ["app", "lib:i386"],
            [],
            id="need of one architecture of two",
        ),
        pytest.param(
            [a_package("app.x86_64", "lib"), a_package("lib.i686"), a_package("lib.x86_64")],
            linux(OTHER, exclude=["*.i686"]),
            ["app.x86_64", "lib.x86_64"],
            ["lib.i686"],
            id="another architecture of what is needed is excluded",
        ),
        pytest.param(
            [a_package("app.x86_64", "lib"), a_package("lib.i686"), a_package("lib.x86_64")],
            linux(include=["app"]),
            ["app.x86_64", "lib.x86_64"],
            [],
            id="need of the architecture that needs it",
        ),
        pytest.param(
            [a_package("app", "lib"), a_package("lib"), a_package("lib:i386")],
            linux(include=["app"]),
            ["app", "lib"],
            [],
            id="need of exactly that name",
        ),
        pytest.param(
            [a_package("app:amd64", "data"), a_package("data:all")],
            linux(include=["app"]),
            ["app:amd64", "data:all"],
            [],
            id="need that fits every architecture",
        ),
        pytest.param(
            [a_package("app.noarch", "lib"), a_package("lib.i686"), a_package("lib.x86_64")],
            linux(include=["app"]),
            ["app.noarch", "lib.i686", "lib.x86_64"],
            [],
            id="need of a package for every architecture",
        ),
    ],
)
def test_dependencies_follow_their_packages(
    updates: list[Update], wish: InstallPatches, selected: list[str], excluded: list[str]
) -> None:
    found = select(updates, wish, os_type=OsType.LINUX)

    assert [update.name for update in found.selected] == selected
    assert [update.name for update in found.excluded] == excluded


def test_long_chain_of_dependencies_is_followed_to_its_end() -> None:
    chain = [a_package(f"p{number}", f"p{number + 1}") for number in range(5000)]

    assert len(select(chain, linux(include=["p0"]), os_type=OsType.LINUX).selected) == 5000
    assert (
        len(select(chain, linux(OTHER, exclude=["p5000"]), os_type=OsType.LINUX).excluded) == 5000
    )


# --- what Azure would refuse ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "refused"),
    [
        ((), False),
        ((CRITICAL,), False),
        ((SECURITY,), False),
        ((OTHER,), False),
        ((CRITICAL, SECURITY), False),
        ((CRITICAL, OTHER), True),
        ((OTHER, CRITICAL, OTHER), True),
        ((SECURITY, OTHER), False),
        ((CRITICAL, SECURITY, OTHER), False),
    ],
)
def test_azure_refuses_other_with_critical_alone(
    chosen: tuple[Classification, ...], refused: bool
) -> None:
    assert (azure_unsupported(linux(*chosen), OsType.LINUX) is not None) is refused


def test_refusal_of_linux_classifications_concerns_linux_only() -> None:
    assert azure_unsupported(linux(CRITICAL, OTHER), OsType.WINDOWS) is None
    assert azure_unsupported(windows(CRITICAL), OsType.LINUX) is None
    assert azure_unsupported(None, OsType.LINUX) is None


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "os_type", "kind"),
    [
        ("security", OsType.LINUX, SECURITY),
        (" CRITICAL ", OsType.WINDOWS, CRITICAL),
        ("UpdateRollUp", OsType.WINDOWS, Classification.UPDATE_ROLLUP),
        ("Security-ESM", OsType.LINUX, OTHER),
        ("Definition", OsType.LINUX, OTHER),
        ("Other", OsType.WINDOWS, Classification.UPDATES),
        ("", OsType.WINDOWS, Classification.UPDATES),
    ],
)
def test_machines_word_for_an_update_is_read_without_case(
    text: str, os_type: OsType, kind: Classification
) -> None:
    assert classification_of(text, os_type) is kind


def test_classifications_are_read_in_any_spelling_and_kept_in_order() -> None:
    assert parse_classifications(["UPDATEROLLUP", "Security"], OsType.WINDOWS) == (
        Classification.UPDATE_ROLLUP,
        SECURITY,
    )


@pytest.mark.parametrize(
    ("os_type", "value"),
    [(OsType.LINUX, "Definition"), (OsType.WINDOWS, "Other"), (OsType.LINUX, "Everything")],
)
def test_classification_of_another_system_is_refused_with_those_allowed(
    os_type: OsType, value: str
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_classifications(["Security", value], os_type, target="x")

    assert refusal.value.target == "x[1]"
    assert ", ".join(CLASSIFICATIONS[os_type]) in refusal.value.message


@pytest.mark.parametrize(
    ("value", "setting"),
    [
        (None, RebootSetting.IF_REQUIRED),
        ("IfRequired", RebootSetting.IF_REQUIRED),
        ("rebootifrequired", RebootSetting.IF_REQUIRED),
        ("NEVER", RebootSetting.NEVER),
        ("NeverReboot", RebootSetting.NEVER),
        ("always", RebootSetting.ALWAYS),
        ("AlwaysReboot", RebootSetting.ALWAYS),
    ],
)
def test_reboot_setting_is_read_in_every_spelling(value: object, setting: RebootSetting) -> None:
    assert parse_reboot_setting(value) is setting


@pytest.mark.parametrize("value", ["", "Sometimes", 1, False, ["Never"]])
def test_unknown_reboot_setting_is_refused_with_those_allowed(value: object) -> None:
    with pytest.raises(InvalidRequestError, match="IfRequired, Never, Always") as refusal:
        parse_reboot_setting(value)

    assert refusal.value.target == "rebootSetting"


def test_kb_numbers_are_kept_as_bare_digits() -> None:
    assert parse_kbs(["KB3103696", "3103696", " kb1 "], target="x") == ("3103696", "3103696", "1")


@pytest.mark.parametrize(
    "text", ["", "KB", "KB12a", "KB-1", "1.5", "KB 1", "١٢٣", "\u212ab1", "1" * 11, "*"]
)
def test_what_is_no_kb_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_kbs(["1", text], target="kbNumbersToExclude")

    assert refusal.value.target == "kbNumbersToExclude[1]"


def test_masks_are_kept_without_the_spaces_around_them() -> None:
    assert parse_masks([" kernel* ", "a=1"], target="x") == ("kernel*", "a=1")


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        pytest.param("a=1=2", "more than one", id="two versions"),
        pytest.param("==", "more than one", id="equals signs alone"),
        pytest.param("=1", "lacks a name", id="version alone"),
        pytest.param("a=", "lacks a name", id="empty version"),
        pytest.param("  ", "blank", id="blank"),
        pytest.param("kernel openssl", "space", id="two masks in one"),
        pytest.param("a\x00", "control character", id="nul"),
        pytest.param("a" * (LONGEST_MASK + 1), "longer than 200", id="too long"),
    ],
)
def test_mask_that_could_not_mean_one_package_is_refused(mask: str, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as refusal:
        parse_masks(["ok", mask], target="packageNameMasksToExclude")

    assert refusal.value.target == "packageNameMasksToExclude[1]"


def test_longest_mask_of_stars_is_answered_at_once() -> None:
    mask = "*a" * (LONGEST_MASK // 2)
    update = Update(name="a" * 60 + "b", classification="Other")

    found = select([update], linux(include=[mask]), os_type=OsType.LINUX)

    assert found.not_selected == (update,)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: LinuxParameters(masks_to_include=("a=1=2",)), id="mask to include"),
        pytest.param(lambda: LinuxParameters(masks_to_exclude=("",)), id="mask to exclude"),
        pytest.param(lambda: WindowsParameters(kbs_to_include=("x",)), id="KB to include"),
        pytest.param(lambda: WindowsParameters(kbs_to_exclude=("x",)), id="KB to exclude"),
    ],
)
def test_no_parameters_exist_that_their_parsers_would_refuse(build: Callable[[], object]) -> None:
    with pytest.raises(InvalidRequestError):
        build()
