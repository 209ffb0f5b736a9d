using Vae.Coordinator.Hosting;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Tests.Unit.Cli;

namespace Vae.Tests.Unit.Hosting;

/// <summary>Whose files are taken: those of the attempt that runs, also when the views have not heard of its start yet.</summary>
public sealed class ArtifactStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vae-artifacts-").FullName;
    private readonly SweepViews _views = new([TestSweep.Submitted]);

    [Fact]
    public async Task Files_of_an_attempt_that_the_views_do_not_know_yet_wait_until_they_do()
    {
        var store = Store();
        var asked = store.StoreArtifactAsync(Key(trial: 0, attempt: 1), length: 3, CancellationToken.None);
        Assert.False(asked.IsCompleted);

        _views.Apply(TestSweep.Started(0));

        await using var sink = await asked;
        await sink.Content.WriteAsync(new byte[] { 1, 2, 3 });
        await sink.CommitAsync(CancellationToken.None);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(new SweepFolders(_folder).Trial(new(TestSweep.Id, 0)) + "/model.safetensors"));
    }

    [Fact]
    public async Task Who_waits_for_the_start_of_an_attempt_may_give_up()
    {
        using var patience = new CancellationTokenSource();
        var asked = Store().StoreArtifactAsync(Key(trial: 0, attempt: 1), length: 3, patience.Token);

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
    }

    [Fact]
    public async Task Files_of_a_trial_whose_end_is_durable_replace_nothing()
    {
        _views.Apply(TestSweep.Started(0));
        _views.Apply(TestSweep.Done(0, -90));

        // A rank that becomes rank 0 may not know it; to refuse it would end the attempt of all its companions.
        await using (var sink = await Store().StoreArtifactAsync(Key(trial: 0, attempt: 1), length: 3, CancellationToken.None))
        {
            await sink.Content.WriteAsync(new byte[] { 1, 2, 3 });
            await sink.CommitAsync(CancellationToken.None);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public async Task Files_of_an_older_attempt_are_refused_at_once()
    {
        _views.Apply(TestSweep.Started(0));
        _views.Apply(new SweepEvent.PackInterrupted(0, new Attempt(1), TrialState.Lost, "gone") { Sweep = TestSweep.Id });
        _views.Apply((SweepEvent.PackStarted)TestSweep.Started(0) with { Attempt = new Attempt(2) });

        await RefusedAsync(Key(trial: 0, attempt: 1), "does not run now");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    public async Task Files_of_a_trial_that_the_sweep_does_not_have_are_refused_at_once(int trial) => await RefusedAsync(Key(trial, attempt: 1), "does not run now");

    [Fact]
    public async Task Curves_are_taken_from_nobody() => await RefusedAsync(Key(trial: 0, attempt: 1) with { Kind = ArtifactKind.Curves }, "writes curves itself");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // A wait would be as long as the views may stay behind: the refusal comes without one.
    private async Task RefusedAsync(ArtifactKey key, string text)
    {
        var asked = Store().StoreArtifactAsync(key, length: 3, CancellationToken.None);

        Assert.True(asked.IsCompleted);
        Assert.Contains(text, (await Assert.ThrowsAsync<UserFitException>(() => asked)).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    private ArtifactStore Store() => new(new SweepFolders(_folder), _views, new DatasetShelf(null));

    private static ArtifactKey Key(int trial, int attempt) => new(new(TestSweep.Id, trial), new Attempt(attempt), ArtifactKind.Model);
}
