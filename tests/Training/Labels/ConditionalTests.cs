using System.Reflection;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Objectives;
using Vae.Torch;

namespace Vae.Tests.Training.Labels;

public sealed class ConditionalTests : TorchTest
{
    private static readonly ModelSpec Model = new() { Family = ModelFamily.Conditional, Classes = 3 };

    [Fact]
    public void Label_weights_of_zero_leave_the_bound_and_all_gradients_of_a_plain_model()
    {
        using var scope = torch.NewDisposeScope();
        using var plain = new OneStep(new TrainingSpec());
        using var labelled = new OneStep(new TrainingSpec(), model: Model);
        labelled.X.copy_(plain.X);
        labelled.Noise = plain.Noise;
        using (torch.no_grad())
            foreach (var (name, parameter) in labelled.Network.named_parameters())
                if (name.Contains("label", StringComparison.Ordinal)) parameter.zero_();

        var (expected, actual) = (plain.Objective.Forward(plain.Inputs()), labelled.Objective.Forward(labelled.Inputs()));

        Assert.Equal(plain.Report(expected).Loss, labelled.Report(actual).Loss, 1e-5);
        OneStep.Same(plain.Gradients(expected), labelled.Gradients(actual), 1e-5);
    }

    [Fact]
    public void Each_label_learns_from_its_own_rows_alone()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new OneStep(new TrainingSpec(), model: Model);
        step.Labels = torch.tensor([0L, 0, 1, 1, 0, 1], [1, 6]);

        var gradients = step.Gradients(step.Objective.Forward(step.Inputs()));

        foreach (var name in (string[])["encoder_label.weight", "decoder_label.weight"])
        {
            Assert.Contains(gradients[name].Where((_, i) => i % 3 == 0), value => value != 0);
            Assert.Contains(gradients[name].Where((_, i) => i % 3 == 1), value => value != 0);
            Assert.All(gradients[name].Where((_, i) => i % 3 == 2), value => Assert.Equal(0f, value));
        }
    }

    [Theory]
    [InlineData(TrainingObjective.Elbo)]
    [InlineData(TrainingObjective.Iwae)]
    public void Gradient_equals_a_central_difference(TrainingObjective objective)
    {
        using var scope = torch.NewDisposeScope();
        using var step = new OneStep(new TrainingSpec { Objective = objective, ImportanceSamples = 2 }, model: Model);

        GradientCheck.Run(step);
    }

    [Fact]
    public void Objective_hands_every_question_of_the_engine_on()
    {
        var own = typeof(ConditionalObjective).GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance);
        foreach (var asked in typeof(PackObjective).GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance).Where(method => method.IsVirtual && method.DeclaringType == typeof(PackObjective) && !method.IsFinal))
            Assert.Contains(own, method => method.Name == asked.Name && method.DeclaringType == typeof(ConditionalObjective));
    }
}
