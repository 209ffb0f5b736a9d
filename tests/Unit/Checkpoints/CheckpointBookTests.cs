using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Messages;
using static Vae.Tests.Unit.Checkpoints.Stored;

namespace Vae.Tests.Unit.Checkpoints;

public sealed class CheckpointBookTests
{
    private readonly CheckpointBook _book = new();

    [Fact]
    public void A_pack_whose_trials_all_go_on_keeps_its_last_two()
    {
        Add(Checkpoint(0, 1, 10, 0, 1));
        Assert.Equal(["0-1-10"], Needed());
        Add(Checkpoint(0, 1, 20, 0, 1));
        Assert.Equal(["0-1-10", "0-1-20"], Needed());
        Add(Checkpoint(0, 1, 30, 0, 1));
        Assert.Equal(["0-1-20", "0-1-30"], Needed());
        Assert.Equal((30, new Step(30)), (_book.NewestOf(1)!.Position, _book.StepOf(1)));
    }

    [Fact]
    public void A_trial_without_any_begins_at_step_zero()
    {
        Add(Checkpoint(0, 1, 10, 0));

        Assert.Null(_book.NewestOf(1));
        Assert.Equal(new Step(0), _book.StepOf(1));
    }

    [Fact]
    public void A_trial_that_went_on_in_another_pack_keeps_one_of_the_old_pack_until_it_has_two_of_the_new()
    {
        Add(Checkpoint(0, 1, 10, 0, 1), Checkpoint(0, 1, 20, 0, 1));

        Add(Checkpoint(1, 2, 5, 1));
        Assert.Equal(["0-1-10", "0-1-20", "1-2-5"], Needed()); // Trial 0 needs both of the old pack.

        Add(Checkpoint(0, 2, 7, 0), Checkpoint(0, 2, 9, 0));
        Assert.Equal(["0-1-20", "0-2-7", "0-2-9", "1-2-5"], Needed());

        Add(Checkpoint(1, 2, 8, 1));
        Assert.Equal(["0-2-7", "0-2-9", "1-2-5", "1-2-8"], Needed());
    }

    [Fact]
    public void What_ended_trials_alone_have_in_it_is_not_needed()
    {
        _book.Add(Checkpoint(0, 1, 10, 0, 1), trial => trial == 1);
        Assert.Null(_book.NewestOf(0));
        Assert.Equal(["0-1-10"], Needed());

        _book.Add(Checkpoint(0, 1, 20, 0), _ => false);
        Assert.Equal(["0-1-10"], Needed());
    }

    [Fact]
    public void The_end_of_a_trial_frees_what_no_other_needs()
    {
        Add(Checkpoint(0, 1, 10, 0, 1), Checkpoint(0, 1, 20, 0, 1), Checkpoint(0, 1, 30, 1));
        Assert.Equal(["0-1-10", "0-1-20", "0-1-30"], Needed());

        _book.Forget(0);
        Assert.Equal(["0-1-20", "0-1-30"], Needed());
        _book.Forget(1);
        Assert.Empty(_book.Needed);
    }

    [Fact]
    public void One_that_is_refused_gives_its_place_to_the_one_before_and_then_to_none()
    {
        var (first, second) = (Checkpoint(0, 1, 10, 0, 1), Checkpoint(0, 1, 20, 0, 1));
        Add(first, second);

        _book.Refuse(second.Ref);
        Assert.Equal(["0-1-10"], Needed());
        Assert.Equal((10, 10), (_book.NewestOf(0)!.Position, _book.NewestOf(1)!.Position));

        _book.Refuse(first.Ref);
        Assert.Empty(_book.Needed);
        Assert.Null(_book.NewestOf(0));
        Assert.Null(_book.NewestOf(1));
    }

    [Fact]
    public void The_one_before_that_is_refused_is_gone_and_the_newest_stays()
    {
        var (first, second) = (Checkpoint(0, 1, 10, 0), Checkpoint(0, 1, 20, 0));
        Add(first, second);

        _book.Refuse(first.Ref);
        Assert.Equal(["0-1-20"], Needed());
        Assert.Equal(20, _book.NewestOf(0)!.Position);

        _book.Refuse(second.Ref);
        Assert.Null(_book.NewestOf(0));
    }

    [Fact]
    public void A_refusal_with_another_digest_is_about_another_file()
    {
        Add(Checkpoint(0, 1, 10, 0));

        _book.Refuse(Checkpoint(0, 1, 10, 0).Ref with { Sha256 = new string('f', 64) });

        Assert.Equal(10, _book.NewestOf(0)!.Position);
    }

    [Fact]
    public void Whatever_may_have_made_one_needless_counts_as_a_change_and_nothing_else_does()
    {
        var before = _book.Changes;
        _book.Forget(3);
        Assert.Equal(before, _book.Changes);

        Grows(() => Add(Checkpoint(0, 1, 10, 0)));
        Grows(() => Add(Checkpoint(0, 1, 20, 0)));
        Grows(() => _book.Refuse(Checkpoint(0, 1, 20, 0).Ref));
        Grows(() => _book.Forget(0));
        Grows(_book.Clear);
    }

    [Fact]
    public void The_end_of_the_sweep_leaves_none()
    {
        Add(Checkpoint(0, 1, 10, 0, 1), Checkpoint(0, 1, 20, 0, 1));

        _book.Clear();

        Assert.Empty(_book.Needed);
        Assert.Null(_book.NewestOf(0));
    }

    private void Add(params CheckpointInfo[] checkpoints)
    {
        foreach (var checkpoint in checkpoints) _book.Add(checkpoint, _ => true);
    }

    private void Grows(Action act)
    {
        var before = _book.Changes;
        act();
        Assert.True(_book.Changes > before);
    }

    private IEnumerable<string> Needed() => _book.Needed.Select(own => $"{own.Pack.Number}-{own.Attempt.Value}-{own.Position}").Order(StringComparer.Ordinal);
}
