using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

public sealed class OverlapChoiceTests
{
    private const int StepsToChoose = OverlapChoice.WarmUpSteps + (OverlapChoice.Windows * OverlapChoice.WindowSteps);

    [Theory]
    [InlineData(0.8, true)]
    [InlineData(1.2, false)]
    [InlineData(0.995, false)]
    public void Mode_of_the_lower_median_stays(double secondsWith, bool overlaps)
    {
        var choice = new OverlapChoice(forced: null);
        Run(choice, StepsToChoose, step => choice.Overlaps ? secondsWith : 1);

        Assert.Equal(overlaps, choice.Chosen);
        Assert.Equal(overlaps, choice.Overlaps);
        Assert.Equal((secondsWith, 1.0), (choice.SecondsWith, choice.SecondsWithout));
    }

    [Fact]
    public void Steps_that_were_disturbed_do_not_turn_the_choice()
    {
        var choice = new OverlapChoice(forced: null);
        Run(choice, StepsToChoose, step => step % 5 == 0 ? 50 : choice.Overlaps ? 0.9 : 1);

        Assert.True(choice.Chosen);
    }

    [Fact]
    public void First_step_after_a_change_of_mode_counts_for_neither()
    {
        var choice = new OverlapChoice(forced: null);
        var previous = false;
        Run(choice, StepsToChoose, step =>
        {
            var changed = choice.Overlaps != previous;
            previous = choice.Overlaps;
            return changed ? 1000 : 1;
        });

        Assert.Equal((1.0, 1.0), (choice.SecondsWith, choice.SecondsWithout));
    }

    [Fact]
    public void Turns_depend_on_the_number_of_the_step_alone()
    {
        var (one, other) = (new OverlapChoice(forced: null), new OverlapChoice(forced: null));
        var (turns, sameTurns) = (new List<bool>(), new List<bool>());
        Run(one, StepsToChoose, step => { turns.Add(one.Overlaps); return step; });
        Run(other, StepsToChoose, step => { sameTurns.Add(other.Overlaps); return 1; });

        Assert.Equal(turns, sameTurns);
        Assert.Equal(OverlapChoice.Windows / 2 * OverlapChoice.WindowSteps, turns.Count(static with => with));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Forced_mode_is_taken_at_once_and_never_measured(bool mode)
    {
        var choice = new OverlapChoice(mode);

        Assert.False(Run(choice, 2 * StepsToChoose, step => { Assert.Equal(mode, choice.Overlaps); return mode ? 2 : 0.5; }));
        Assert.Null(choice.Chosen);
    }

    private static bool Run(OverlapChoice choice, int steps, Func<int, double> seconds)
    {
        var settled = false;
        for (var step = 0; step < steps; step++)
        {
            Assert.False(settled);
            settled = choice.Measured(seconds(step));
        }

        return settled;
    }
}
