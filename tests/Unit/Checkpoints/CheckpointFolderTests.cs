using Microsoft.Extensions.Logging.Abstractions;
using Vae.Coordinator.Hosting;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Unit.Cli;
using static Vae.Tests.Unit.Checkpoints.Stored;

namespace Vae.Tests.Unit.Checkpoints;

/// <summary>Of the files in the folder of checkpoints those go that nobody needs, and nothing else does.</summary>
public sealed class CheckpointFolderTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("vae-checkpoints-").FullName;
    private readonly SweepViews _views = new([TestSweep.Submitted]);
    private readonly SweepFolders _folders;
    private readonly CheckpointFolder _folder;

    public CheckpointFolderTests()
    {
        _folders = new SweepFolders(_home);
        _folder = new CheckpointFolder(_folders, _views, NullLogger.Instance);
        Tell(new SweepEvent.PackStarted(0, new Attempt(1), [0, 1], [new NodeId("worker-1")], new PackShape(2, 16, 1, 1), Closed: true, [null, null]) { Sweep = TestSweep.Id });
    }

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public void The_last_two_of_a_pack_stay()
    {
        foreach (var position in (long[])[10, 20, 30, 40]) Store(position);

        Assert.Equal(["0000-1-30.safetensors", "0000-1-40.safetensors"], Names());
    }

    [Fact]
    public void A_file_whose_row_is_still_to_come_stays_and_one_that_was_overtaken_goes()
    {
        Lay("0000-1-15.safetensors", "0000-1-25.safetensors");

        Store(20);

        Assert.Equal(["0000-1-20.safetensors", "0000-1-25.safetensors"], Names());
    }

    [Fact]
    public void A_file_without_a_row_goes_once_its_attempt_is_over()
    {
        Lay("0000-1-25.safetensors");
        Store(20);
        Tell(new SweepEvent.PackInterrupted(0, new Attempt(1), TrialState.Preempted, "") { Sweep = TestSweep.Id });

        _folder.CleanUp();

        Assert.Equal(["0000-1-20.safetensors"], Names());
    }

    [Fact]
    public void The_end_of_a_trial_removes_what_it_alone_needed()
    {
        Store(10, 0, 1);
        Store(20, 1);
        Store(30, 1);
        Assert.Equal(["0000-1-10.safetensors", "0000-1-20.safetensors", "0000-1-30.safetensors"], Names());

        Tell(TestSweep.Done(0, -90));

        Assert.Equal(["0000-1-20.safetensors", "0000-1-30.safetensors"], Names());
    }

    [Fact]
    public void A_refused_one_goes_and_the_one_before_stays()
    {
        Store(10);
        Store(20);

        Tell(new SweepEvent.CheckpointRefused(Checkpoint(0, 1, 20, 0, 1).Ref, "damaged") { Sweep = TestSweep.Id });

        Assert.Equal(["0000-1-10.safetensors"], Names());
    }

    [Fact]
    public void The_end_of_the_sweep_removes_all_checkpoints_and_no_other_file()
    {
        string[] others = ["notes.txt", "0000-1-07.safetensors", "0-1-7.safetensors", "0000-1.safetensors", "0000-1-7.safetensors.bak", "model.safetensors"];
        Lay(others);
        Store(10);
        Store(20);

        Tell(TestSweep.Ended(SweepState.Cancelled));

        Assert.Equal(others.Order(StringComparer.Ordinal), Names());
    }

    [Fact]
    public void What_was_being_written_at_a_crash_is_removed_at_the_start_and_its_neighbours_are_not()
    {
        Store(10);
        var trial = _folders.Trial(new(TestSweep.Id, 0));
        Lay("0000-1-20.safetensors.0123456789abcdef.tmp");
        LayIn(trial, "model.safetensors", "model.safetensors.0123456789abcdef.tmp");
        LayIn(_folders.Sweep(TestSweep.Id), "mine.tmp");
        LayIn(Path.Combine(_home, "sweeps", "Not an id", "checkpoints"), "0000-1-20.safetensors.tmp");

        _folder.CleanUp();

        Assert.Equal(["0000-1-10.safetensors"], Names());
        Assert.Equal(["model.safetensors"], Names(trial));
        Assert.Equal(["mine.tmp"], Names(_folders.Sweep(TestSweep.Id)));
        Assert.Equal(["0000-1-20.safetensors.tmp"], Names(Path.Combine(_home, "sweeps", "Not an id", "checkpoints")));
    }

    [Fact]
    public void The_start_removes_what_the_last_life_had_no_time_for()
    {
        foreach (var position in (long[])[10, 20, 30]) Apply(position);
        Lay("0000-1-10.safetensors", "0000-1-20.safetensors", "0000-1-30.safetensors");

        _folder.CleanUp();

        Assert.Equal(["0000-1-20.safetensors", "0000-1-30.safetensors"], Names());
    }

    [Fact]
    public void Checkpoints_of_a_sweep_that_is_unknown_or_whose_facts_are_damaged_stay()
    {
        var unknown = _folders.Checkpoints(new SweepId("s-unknown"));
        LayIn(unknown, "0000-1-10.safetensors");
        Lay("0007-1-10.safetensors");
        _views.Read(TestSweep.Id, view => view.Damage = "a fact cannot be read");

        _folder.CleanUp();

        Assert.Equal(["0000-1-10.safetensors"], Names(unknown));
        Assert.Equal(["0007-1-10.safetensors"], Names());
    }

    // As it happens: the file, then its row.
    private void Store(long position, params int[] trials)
    {
        Lay($"0000-1-{position}.safetensors");
        _folder.Observe(Apply(position, trials));
    }

    private SweepEvent.CheckpointStored Apply(long position, params int[] trials)
    {
        var fact = new SweepEvent.CheckpointStored(Checkpoint(0, 1, position, trials is [] ? [0, 1] : trials)) { Sweep = TestSweep.Id };
        _views.Apply(fact);
        return fact;
    }

    private void Tell(SweepEvent fact)
    {
        _views.Apply(fact);
        _folder.Observe(fact);
    }

    private void Lay(params string[] names) => LayIn(_folders.Checkpoints(TestSweep.Id), names);

    private static void LayIn(string folder, params string[] names)
    {
        Directory.CreateDirectory(folder);
        foreach (var name in names) File.WriteAllText(Path.Combine(folder, name), "x");
    }

    private string[] Names() => Names(_folders.Checkpoints(TestSweep.Id));

    private static string[] Names(string folder) => [.. Directory.GetFiles(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
