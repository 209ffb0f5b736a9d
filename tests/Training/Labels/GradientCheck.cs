using Vae.Models.Objectives;
using Vae.Tests.Training.Objectives;
using Vae.Torch;

namespace Vae.Tests.Training.Labels;

/// <summary>Compares the gradient of one step with a central difference of its loss, in double precision, along a random direction.</summary>
internal static class GradientCheck
{
    public static void Run(OneStep step)
    {
        foreach (var (_, tensor) in step.Network.state_dict()) tensor.set_data(tensor.detach().to(ScalarType.Float64));
        step.Objective = PackObjectives.Create(step.Network, step.Position.Trial.Model, step.Position.Trial.Training);
        foreach (var parameter in step.Network.parameters()) parameter.grad = torch.zeros(parameter.shape, ScalarType.Float64);
        var (x, noise) = (step.X.to(ScalarType.Float64), step.Noise.to(ScalarType.Float64));
        var parameters = step.Network.parameters().ToArray();
        var directions = parameters.Select(parameter => torch.randn(parameter.shape, ScalarType.Float64)).ToArray();

        Started().backward();
        var slope = parameters.Zip(directions).Sum(pair => (pair.First.grad! * pair.Second).sum().item());

        const double h = 1e-5;
        Assert.Equal((Shifted(h) - Shifted(-h)) / (2 * h), slope, Math.Abs(slope) * 1e-5);

        // What backward starts from, as one number.
        Tensor Started()
        {
            var terms = Forward(out _);
            var start = torch.zeros([], ScalarType.Float64);
            if (terms.DistortionGradient is { } a) start += (terms.Distortion * a).sum();
            if (terms.RateGradient is { } b) start += (terms.Rate * b).sum();
            if (terms.PenaltyGradient is { } c) start += (terms.Penalty! * c).sum();
            return start;
        }

        // What is reported.
        double Loss()
        {
            var terms = Forward(out var inputs);
            return terms.Distortion.sum().item() + (terms.Rate * inputs.RateWeight).sum().item() + (terms.Penalty?.sum().item() ?? 0);
        }

        StepTerms Forward(out StepInputs inputs) => step.Objective.Forward(inputs = step.Inputs() with { X = x, Noise = noise });

        double Shifted(double by)
        {
            using var mode = torch.no_grad();
            foreach (var (parameter, direction) in parameters.Zip(directions)) parameter.add_(direction, by);
            var loss = Loss();
            foreach (var (parameter, direction) in parameters.Zip(directions)) parameter.add_(direction, -by);
            return loss;
        }
    }
}
