using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class ScopeTests
{
    [Fact]
    public void A_scope_frees_what_was_made_in_it_and_nothing_else()
    {
        using var before = zeros([1]);
        Tensor inside;
        using (NewDisposeScope())
        {
            inside = before.add(1);
            Assert.False(inside.IsInvalid);
        }

        Assert.True(inside.IsInvalid);
        Assert.False(before.IsInvalid);
    }

    [Fact]
    public void A_tensor_moved_outwards_lives_as_long_as_the_outer_scope()
    {
        Tensor once, twice, free;
        using (NewDisposeScope())
        {
            using (NewDisposeScope())
            {
                using (NewDisposeScope())
                {
                    once = zeros([1]).MoveToOuterDisposeScope();
                    twice = zeros([1]).MoveToOuterDisposeScope().MoveToOuterDisposeScope();
                    free = zeros([1]).DetachFromDisposeScope();
                    _ = zeros([1]);
                }

                Assert.Equal((false, false, false), (once.IsInvalid, twice.IsInvalid, free.IsInvalid));
            }

            Assert.Equal((true, false, false), (once.IsInvalid, twice.IsInvalid, free.IsInvalid));
        }

        Assert.Equal((true, true, false), (once.IsInvalid, twice.IsInvalid, free.IsInvalid));
        free.Dispose();
    }

    [Fact]
    public void Moving_out_of_the_outermost_scope_hands_the_tensor_to_the_caller()
    {
        Tensor result;
        using (NewDisposeScope()) result = zeros([1]).MoveToOuterDisposeScope();

        Assert.False(result.IsInvalid);
        result.Dispose();
    }

    [Fact]
    public void Scopes_closed_out_of_order_are_refused()
    {
        var refused = false;
        var outer = NewDisposeScope();
        var inner = NewDisposeScope();
        try
        {
            outer.Dispose();
        }
        catch (InvalidOperationException)
        {
            refused = true;
        }

        inner.Dispose();
        outer.Dispose();
        Assert.True(refused);
    }

    [Fact]
    public void A_scope_counts_what_it_would_free()
    {
        using var scope = NewDisposeScope();
        for (var i = 0; i < 1000; i++) _ = zeros([1]);
        zeros([1]).DetachFromDisposeScope().Dispose();

        Assert.Equal(1000, scope.Count);
    }
}
