using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class LabelledRowsTests
{
    private static readonly int[] Labels = [.. Enumerable.Range(0, 1_000).Select(row => row % 7 == 0 ? 3 : row % 3)];

    [Theory]
    [InlineData(4)]
    [InlineData(100)]
    [InlineData(103)]
    public void Each_class_gets_equally_many_and_the_first_ones_what_is_left(int count)
    {
        var seen = LabelledRows.Choose(Labels, 4, count, seed: 5);

        Assert.Equal(count, seen.Count(one => one));
        for (var label = 0; label < 4; label++)
            Assert.Equal((count / 4) + (label < count % 4 ? 1 : 0), Enumerable.Range(0, Labels.Length).Count(row => seen[row] && Labels[row] == label));
    }

    [Fact]
    public void The_choice_follows_from_the_seed()
    {
        Assert.Equal(LabelledRows.Choose(Labels, 4, 50, seed: 5), LabelledRows.Choose(Labels, 4, 50, seed: 5));
        Assert.NotEqual(LabelledRows.Choose(Labels, 4, 50, seed: 5), LabelledRows.Choose(Labels, 4, 50, seed: 6));
    }

    [Fact]
    public void A_class_with_too_few_rows_gives_all_of_them_and_others_make_up_for_it()
    {
        int[] labels = [0, 0, 0, 0, 0, 0, 1, 2, 2, 2];

        var seen = LabelledRows.Choose(labels, 3, 6, seed: 1);

        Assert.True(seen[6]);
        Assert.Equal(6, seen.Count(one => one));
        Assert.All(LabelledRows.Choose(labels, 3, 10, seed: 1), Assert.True);
    }

    [Fact]
    public void A_label_beyond_the_classes_and_more_rows_than_there_are_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => LabelledRows.Choose([0, 5], 3, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LabelledRows.Choose([0, 1], 3, 3, 1));
    }
}
